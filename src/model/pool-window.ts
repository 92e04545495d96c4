import type { ReadonlyNumbers } from "../lib/readonly-arrays.ts";
import type { ExpertLoad } from "./load.ts";
import type { ExchangeCounts } from "./pool-exchange.ts";
import type { RoutingTrace } from "./routing-trace.ts";

/** What a pool did in a span of time: counted from the dispatch of its tokens, or reported by its engines. */
export interface PoolWindow {
  readonly spanMs: number;
  /** Forward passes in the window. */
  readonly steps: number;
  /** Tokens forwarded (a token counts once, whatever the number of layers). */
  readonly tokens: number;
  /** Tokens routed to each logical expert. */
  readonly load: ExpertLoad;
  /** A few of the tokens, evenly drawn, at the load's layers; null where engines report counts only. */
  readonly routing: RoutingTrace | null;
  /** `[layers][gpus]`: selections computed on each GPU. */
  readonly gpuLoad: Float64Array;
  /** GPUs in service: those that the placement dispatched by gives an expert. Every mean over GPUs is over these. */
  readonly serving: ReadonlyNumbers;
  /** Σ over steps and layers of the mean and of the maximum GPU load: balancedness = mean / max. */
  readonly sumMean: number;
  readonly sumMax: number;
  /** (token, layer, destination rank ≠ source) and (token, layer, destination node ≠ source) pairs. */
  readonly hops: number;
  readonly nodeHops: number;
  /** Σ of the modelled step times, ms. */
  readonly stepMs: number;
  readonly ranks: readonly RankState[];
  /** Who sent to whom. Null, or absent, where it was not counted. */
  readonly exchange?: ExchangeCounts | null;
  /** Null, or absent, where it is not known. */
  readonly activated?: ActivatedSlots | null;
}

/** Slots that computed anything, of a step and a layer on average. */
export interface ActivatedSlots {
  /** `[gpus]` */
  readonly perGpu: Float64Array;
  /** Expected of counts, as if all steps of the window were alike; else counted. */
  readonly estimated: boolean;
}

export interface RankState {
  readonly running: number;
  readonly waiting: number;
  readonly kvTokens: number;
  readonly kvCapacityTokens: number;
}
