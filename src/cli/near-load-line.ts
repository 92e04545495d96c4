import { Rng } from "../lib/rng.ts";
import type { Cadence } from "../model/cadence.ts";
import { DEFAULT_FIDELITY } from "../model/fidelity.ts";
import type { LoadLines } from "../model/load-line.ts";
import type { RoutingTrace } from "../model/routing-trace.ts";
import { gpuCount } from "../model/topology.ts";
import type { TraceRequest } from "../model/traffic.ts";
import { type LoadLineOptions, carriedUnbalanced, loadLines } from "../twin/load-lines.ts";
import { routingSources } from "../twin/routing-sources.ts";
import { LONG_PROMPT_TOKENS, longPrompts } from "../twin/traffic.ts";
import { drain } from "./drain.ts";
import { decimals } from "../lib/number-text.ts";
import type { Output } from "./output.ts";

/** More than a GPU of any kind takes of any model, tokens/s. */
const MORE_THAN_A_GPU = 200_000;
/** What is offered, in parts of what the pool carries unbalanced: too much for that, and well within reach of balance. */
const OFFERED = 1.08;
/** Words a second that one process can write, send and read beside the pool. */
const MOST_OFFERED = 400_000;

/** Traffic at the load where balance decides whether a pool keeps up, and what each way of balancing makes of it. */
export class NearLoadLine {
  readonly #options: LoadLineOptions;
  readonly #gpus: number;
  #offered = 0;

  constructor(
    {
      model,
      topology,
      hardware,
      engine,
    }: Pick<LoadLineOptions, "model" | "topology" | "hardware" | "engine">,
    routing: RoutingTrace | null,
    cadence: Cadence,
    seed: number,
  ) {
    this.#gpus = gpuCount(topology);
    this.#options = {
      model,
      topology,
      ...(hardware === undefined ? {} : { hardware }),
      ...(engine === undefined ? {} : { engine }),
      cadence,
      seed,
      fidelity: DEFAULT_FIDELITY,
      routing: routingSources(model, seed, routing),
      traffic: (tokens) => longPrompts(new Rng(seed, 5), tokens / LONG_PROMPT_TOKENS),
    };
  }

  /** Finds the load line, which takes some seconds. @returns begins the traffic, the same at every call */
  traffic(out: Output): () => Iterable<TraceRequest> {
    const carried = drain(carriedUnbalanced(this.#options, this.#gpus * MORE_THAN_A_GPU), () => {});
    this.#offered = Math.min(MOST_OFFERED, OFFERED * carried);
    out.progress(
      `unbalanced, this pool would carry ${decimals(carried, 0)} tokens/s; it is offered ${decimals(this.#offered, 0)}`,
    );
    return () => this.#options.traffic(this.#offered);
  }

  /** How many times that traffic one process can make. */
  get most(): number {
    return Math.floor((10 * MOST_OFFERED) / this.#offered) / 10;
  }

  measure(out: Output): LoadLines {
    out.progress("measuring what each way of balancing carries");
    return drain(loadLines(this.#options, this.#offered), (percent) => out.progress(`measured ${percent}`));
  }
}
