import { blockSources, dispatchTrace } from "../core/dispatch/dispatch-trace.ts";
import type { DispatchFigures } from "../core/dispatch/dispatch-totals.ts";
import { evenShares } from "../core/shares/even-shares.ts";
import type { ReadonlyNumbers } from "../lib/readonly-arrays.ts";
import { DISPATCH_POLICIES, type DispatchPolicy } from "../model/dispatch-policy.ts";
import { type Placement, gpusInService, indexReplicas } from "../model/placement.ts";
import type { RoutingInput } from "./inputs.ts";
import { InputReader } from "./read-inputs.ts";

export interface DispatchOptions {
  /** Every expert of every layer has a slot. */
  readonly placement: Placement;
  /** `[layers][slots]`: the shares in force; even over an expert's replicas where it is left out. */
  readonly shares?: ReadonlyNumbers;
  /** The experts that every token chose in every layer of the placement. */
  readonly routing: RoutingInput;
  /** Tokens of one forward pass; all at once where it is left out. */
  readonly batchTokens?: number;
  /** `[tokens]`: the GPU that each token starts from; equal contiguous blocks of each batch where it is left out. */
  readonly sources?: ReadonlyNumbers;
  /** How a selection finds its replica (`priced`). */
  readonly policy?: DispatchPolicy;
  /** Steers `static` and `random` (1); the other policies have nothing random. */
  readonly seed?: number;
}

const FIELDS = ["placement", "shares", "routing", "batchTokens", "sources", "policy", "seed"];

export interface DispatchResult {
  /** `[tokens][layers][topk]`: the physical slot of every selection; −1 where there is none. GPU = ⌊slot / slotsPerGpu⌋. */
  readonly slots: Int32Array;
  /** All layers together; per token means per token and layer. */
  readonly overall: DispatchFigures;
  /** `[layers]` */
  readonly layers: readonly DispatchFigures[];
}

/**
 * Chooses the replica of every selection of routed tokens, and counts the hops and how level the GPUs are: what the command
 * `dispatch` does.
 * @throws InputError naming the field at fault
 */
export function planDispatch(options: DispatchOptions): DispatchResult {
  const read = new InputReader("planDispatch");
  read.known(options, FIELDS);
  const placement = read.placement(options.placement, "placement");
  const { topology } = placement;
  const replicas = indexReplicas(placement);
  const even = evenShares(placement, replicas);
  const { shares, sources } = options;
  const values = shares === undefined ? even.values : read.shares(shares, placement, "shares");
  const trace = read.routing(options.routing, placement);
  const { tokens, layers } = trace;
  const batchTokens = read.whole(options.batchTokens ?? tokens, "batchTokens", 1);
  const steps = dispatchTrace({
    routing: { trace, rows: Array.from({ length: layers }, (_, row) => row), depth: layers },
    sources:
      sources === undefined
        ? blockSources(tokens, batchTokens, gpusInService(placement))
        : read.sources(sources, tokens, topology),
    batchTokens,
    // No policy reads the prices.
    map: { placement, replicas, shares: { values, prices: even.prices } },
    policy: read.oneOf(options.policy ?? "priced", "policy", DISPATCH_POLICIES),
    seed: read.whole(options.seed ?? 1, "seed", 0),
    nowMs: () => 0,
    onLayout: null,
  });
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  const { slots, overall, perLayer } = step.value;
  return { slots, overall, layers: perLayer };
}
