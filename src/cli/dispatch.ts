import { Command, Option } from "commander";
import { replicaChooser } from "../core/dispatch/choosers.ts";
import { DISPATCH_POLICIES, type DispatchPolicy } from "../model/dispatch-policy.ts";
import type { ReplicaMap } from "../core/dispatch/replica-chooser.ts";
import { TallyCounter } from "../core/dispatch/tally-counter.ts";
import { isIntegerType, readNpy, writeNpyInt32 } from "../formats/npy.ts";
import { type PlacementFile, readPlacementFile } from "../formats/placement-file.ts";
import { readRoutingTrace } from "../formats/routing-trace.ts";
import { InputError } from "../lib/errors.ts";
import { indexReplicas } from "../model/placement.ts";
import type { RoutingTrace } from "../model/routing-trace.ts";
import { gpuCount } from "../model/topology.ts";
import { type DispatchFigures, DispatchTotals } from "./dispatch-report.ts";
import { countOption, jsonOption } from "./options.ts";
import { output, readInput, writeOutput } from "./output.ts";

/** `static` and `random` choose by it: the same input gives the same slots. */
const SEED = 1;

interface DispatchOptions {
  readonly placement: string;
  readonly routing: string;
  readonly sources?: string;
  readonly batchTokens: number;
  readonly policy: DispatchPolicy;
  readonly out: string;
  readonly json?: true;
}

export function dispatchCommand(): Command {
  return new Command("dispatch")
    .description("Choose the replica of every selection of a routing trace, and count the hops.")
    .requiredOption("--placement <file>", "a placement that `place` wrote")
    .requiredOption("--routing <file>", "routing trace (.npy): integers [tokens, layers, topk], −1 for none")
    .option(
      "--sources <file>",
      "each token's source GPU (.npy): integers [tokens]; default: equal blocks of a batch",
    )
    .addOption(countOption("--batch-tokens <n>", "tokens of one forward pass").makeOptionMandatory())
    .addOption(
      new Option(
        "--policy <name>",
        "priced: fewest hops at balanced load, by the placement's shares; even: its shares alone",
      )
        .choices(DISPATCH_POLICIES)
        .default("priced"),
    )
    .requiredOption("--out <file>", "where to write the slots (.npy): int32 [tokens, layers, topk]")
    .addOption(jsonOption())
    .exitOverride()
    .action(dispatch);
}

async function dispatch(options: DispatchOptions): Promise<void> {
  const file = readPlacementFile(await readInput(options.placement), options.placement);
  const { layers, experts, topology } = file.placement;
  const trace = readRoutingTrace(await readInput(options.routing), options.routing, experts);
  if (trace.layers !== layers) {
    const mend = `has ${trace.layers} layers; expected ${layers} as in ${options.placement}`;
    throw new InputError(options.routing, "shape", mend);
  }
  const gpus = gpuCount(topology);
  const sources =
    options.sources === undefined
      ? blockSources(trace.tokens, options.batchTokens, gpus)
      : readSources(await readInput(options.sources), options.sources, trace.tokens, gpus);

  const { slots, perLayer, overall } = dispatchTrace(options, replicaMap(file), trace, sources);
  await writeOutput(options.out, writeNpyInt32([trace.tokens, layers, trace.topk], slots));
  const { policy, batchTokens, out } = options;
  const report = { out, policy, batchTokens, tokens: trace.tokens, ...overall, layers: perLayer };
  output(options.json ?? false).result(report, sentence(out, overall));
}

/** A placement file carries no prices: no policy reads them. */
function replicaMap({ placement, shares }: PlacementFile): ReplicaMap {
  const { layers, topology } = placement;
  const prices = new Float64Array(layers * gpuCount(topology));
  return { placement, replicas: indexReplicas(placement), shares: { values: shares, prices } };
}

interface Dispatched {
  /** `[tokens][layers][topk]` physical slots; −1 where there is no selection. */
  readonly slots: Int32Array;
  readonly perLayer: readonly DispatchFigures[];
  readonly overall: DispatchFigures;
}

function dispatchTrace(
  { policy, batchTokens }: DispatchOptions,
  map: ReplicaMap,
  trace: RoutingTrace,
  sources: Int32Array,
): Dispatched {
  const { tokens, layers, topk, experts } = trace;
  const { topology } = map.placement;
  const rowStride = layers * topk;
  const chooser = replicaChooser(policy, map, SEED);
  const counter = new TallyCounter(topology);
  const overall = new DispatchTotals(topology.slotsPerGpu);
  const perLayer = Array.from({ length: layers }, () => new DispatchTotals(topology.slotsPerGpu));
  const slots = new Int32Array(experts.length);
  const chosen = new Int32Array(Math.min(batchTokens, tokens) * topk);
  for (let first = 0; first < tokens; first += batchTokens) {
    const size = Math.min(batchTokens, tokens - first);
    const rows = Int32Array.from({ length: size }, (_, i) => first + i);
    const batch = {
      tokens: size,
      sources: sources.subarray(first, first + size),
      rows,
      experts,
      rowStride,
      topk,
    };
    for (let layer = 0; layer < layers; layer++) {
      const start = performance.now();
      chooser.choose(layer, layer * topk, batch, chosen);
      const chooseMs = performance.now() - start;
      const tally = counter.count(batch, chosen);
      perLayer[layer].add(tally, size, chooseMs);
      overall.add(tally, size, chooseMs);
      for (let i = 0; i < size; i++) {
        slots.set(chosen.subarray(i * topk, (i + 1) * topk), (first + i) * rowStride + layer * topk);
      }
    }
  }
  return { slots, perLayer: perLayer.map((totals) => totals.figures()), overall: overall.figures() };
}

/** Each batch in equal contiguous blocks, one per GPU. */
function blockSources(tokens: number, batchTokens: number, gpus: number): Int32Array {
  return Int32Array.from({ length: tokens }, (_, token) => {
    const first = token - (token % batchTokens);
    return Math.floor(((token - first) * gpus) / Math.min(batchTokens, tokens - first));
  });
}

function readSources(bytes: Uint8Array, source: string, tokens: number, gpus: number): Int32Array {
  const { dtype, shape, values } = readNpy(bytes, source);
  if (!isIntegerType(dtype)) throw new InputError(source, "descr", `is '${dtype}'; expected integers (GPUs)`);
  if (shape.length !== 1 || shape[0] !== tokens) {
    throw new InputError(
      source,
      "shape",
      `is (${shape.join(", ")}); expected (${tokens}), one GPU per token`,
    );
  }
  return Int32Array.from(values as ArrayLike<number>, (gpu, token) => {
    if (gpu >= 0 && gpu < gpus) return gpu;
    throw new InputError(source, `token ${token}`, `starts on GPU ${gpu}; expected 0..${gpus - 1}`);
  });
}

function sentence(out: string, figures: DispatchFigures): string {
  const { nodeHopsPerToken, hopsPerToken, balancedness, activationBalancedness, selectionsPerSecond } =
    figures;
  const hops = `${nodeHopsPerToken.toFixed(3)} node hops and ${hopsPerToken.toFixed(3)} hops per token and layer`;
  const balance = `balancedness ${balancedness.toFixed(4)} (activations ${activationBalancedness.toFixed(4)})`;
  return `${out}: ${hops}, ${balance}, ${(selectionsPerSecond / 1e6).toFixed(1)} M selections/s`;
}
