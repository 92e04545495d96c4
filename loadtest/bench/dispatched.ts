import { replicaChooser } from "../../src/core/dispatch/choosers.ts";
import type { ReplicaMap } from "../../src/core/dispatch/replica-chooser.ts";
import { TallyCounter } from "../../src/core/dispatch/tally-counter.ts";
import { evenShares } from "../../src/core/shares/even-shares.ts";
import type { DispatchPolicy } from "../../src/model/dispatch-policy.ts";
import type { LayerTally } from "../../src/model/layer-tally.ts";
import { indexReplicas, type Placement } from "../../src/model/placement.ts";
import type { Shares } from "../../src/model/shares.ts";
import { gpuCount, type Topology } from "../../src/model/topology.ts";
import type { RoutedTokens } from "./routed-tokens.ts";

/** How tokens find their replicas. */
export interface Dispatcher {
  readonly map: ReplicaMap;
  readonly policy: DispatchPolicy;
}

/** @param shares by default every replica of an expert gets the same */
export function dispatcher(placement: Placement, policy: DispatchPolicy, shares?: Shares): Dispatcher {
  const replicas = indexReplicas(placement);
  return { map: { placement, replicas, shares: shares ?? evenShares(placement, replicas) }, policy };
}

/** What the batches of a dispatch came to. */
export interface Dispatched {
  /** (token, destination node ≠ source) pairs per token and layer. */
  readonly nodeHops: number;
  /** (token, destination rank ≠ source) pairs per token and layer. */
  readonly hops: number;
  /** Σ mean / Σ max GPU load over batches and layers. */
  readonly balancedness: number;
  /** The same of activated experts: slots that a token chose, whose weights must be read. */
  readonly activationBalancedness: number;
  /** Activated experts of the GPU that has most, and of the mean GPU; means over batches and layers. */
  readonly worstActivated: number;
  readonly meanActivated: number;
  /** Selections of the fullest GPU; mean over batches and layers. */
  readonly fullest: number;
}

/**
 * Dispatches batches of tokens, which start on the GPUs in equal blocks of each batch.
 * @param batches token numbers of each
 */
export function dispatch(
  { map, policy }: Dispatcher,
  { trace }: RoutedTokens,
  batches: readonly Int32Array[],
  seed: number,
): Dispatched {
  const { topology } = map.placement;
  const { layers, topk, experts } = trace;
  const chooser = replicaChooser(policy, map, seed);
  const counter = new TallyCounter(topology);
  const sums = new Sums(topology);
  for (const rows of batches) {
    const sources = blockSources(rows.length, gpuCount(topology));
    const batch = { tokens: rows.length, sources, rows, experts, rowStride: layers * topk, topk };
    const slots = new Int32Array(rows.length * topk);
    for (let layer = 0; layer < layers; layer++) {
      chooser.choose(layer, layer * topk, batch, slots);
      sums.add(counter.count(batch, slots), rows.length);
    }
  }
  return sums.means();
}

/** `[tokens]`: the GPUs in order, each of equally many tokens as far as possible. */
function blockSources(tokens: number, gpus: number): Int32Array {
  return Int32Array.from({ length: tokens }, (_, i) => Math.floor((i * gpus) / tokens));
}

/** Adds up one layer of one batch at a time. */
class Sums {
  readonly #gpus: number;
  readonly #slotsPerGpu: number;
  #layers = 0;
  #tokens = 0;
  #nodeHops = 0;
  #hops = 0;
  #meanLoad = 0;
  #mostLoad = 0;
  #meanActive = 0;
  #mostActive = 0;

  constructor(topology: Topology) {
    this.#gpus = gpuCount(topology);
    this.#slotsPerGpu = topology.slotsPerGpu;
  }

  add({ nodeHops, hops, selections, gpuLoad, slotLoad }: LayerTally, tokens: number): void {
    let fullest = 0;
    let active = 0;
    let mostActive = 0;
    for (let gpu = 0; gpu < this.#gpus; gpu++) {
      let here = 0;
      for (let i = 0; i < this.#slotsPerGpu; i++) if (slotLoad[gpu * this.#slotsPerGpu + i] > 0) here++;
      active += here;
      mostActive = Math.max(mostActive, here);
      fullest = Math.max(fullest, gpuLoad[gpu]);
    }
    this.#layers++;
    this.#tokens += tokens;
    this.#nodeHops += nodeHops;
    this.#hops += hops;
    this.#meanLoad += selections / this.#gpus;
    this.#mostLoad += fullest;
    this.#meanActive += active / this.#gpus;
    this.#mostActive += mostActive;
  }

  means(): Dispatched {
    return {
      nodeHops: this.#nodeHops / this.#tokens,
      hops: this.#hops / this.#tokens,
      balancedness: this.#mostLoad === 0 ? 1 : this.#meanLoad / this.#mostLoad,
      activationBalancedness: this.#mostActive === 0 ? 1 : this.#meanActive / this.#mostActive,
      worstActivated: this.#mostActive / this.#layers,
      meanActivated: this.#meanActive / this.#layers,
      fullest: this.#mostLoad / this.#layers,
    };
  }
}
