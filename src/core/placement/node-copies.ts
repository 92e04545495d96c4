import type { RoutingTrace } from "../../model/routing-trace.ts";
import type { Coactivation } from "./coactivation.ts";
import { ExpertHomes } from "./expert-homes.ts";
import type { Zones } from "./zones.ts";

/** Redundant slots given out between two looks at the sample. */
const COPIES_PER_ROUND = 4;

/**
 * Chooses which nodes hold copies of each expert of one layer, so that a token's experts are found on few nodes:
 * first every expert's home (ExpertHomes), then further copies for the redundant slots. Works on a sample of routed tokens,
 * which keeps everything about which experts are used together. Keeps its buffers from layer to layer.
 */
export class NodeCopies {
  readonly #experts: number;
  readonly #zones: Zones;
  readonly #sample: RoutingTrace;
  readonly #hopWeight: number;
  readonly #homes: ExpertHomes;
  readonly #home: Int32Array;
  /** `[nodes][experts]` */
  readonly #copies: Int32Array;
  /** `[experts]`: copies in all. */
  readonly #total: Int32Array;
  /** `[nodes]`: at first that of the homes; first copies carry some of it over. */
  readonly #nodeLoad: Float64Array;
  readonly #need: Int32Array;
  /** `[nodes][experts]`: tokens that would need a node less if it held a copy, as the last look at the sample counted. */
  readonly #gain: Int32Array;
  /** `[tokens][topk]`: the layer's part of the sample. */
  readonly #ids: Int16Array;
  readonly #tokens: number;

  constructor(experts: number, zones: Zones, { sample, groups, hopWeight }: Coactivation) {
    this.#experts = experts;
    this.#zones = zones;
    this.#sample = sample;
    this.#hopWeight = hopWeight;
    this.#tokens = sample.tokens;
    this.#ids = new Int16Array(sample.tokens * sample.topk);
    this.#homes = new ExpertHomes(experts, zones, groups, sample);
    this.#home = this.#homes.home;
    this.#copies = new Int32Array(zones.count * experts);
    this.#total = new Int32Array(experts);
    this.#nodeLoad = this.#homes.nodeLoad;
    this.#need = new Int32Array(zones.count);
    this.#gain = new Int32Array(zones.count * experts);
  }

  /**
   * @param load `[experts]`
   * @returns `[nodes][experts]` copies; overwritten by the next call
   */
  choose(layer: number, load: Float64Array): Int32Array {
    this.#read(layer);
    this.#homes.choose(this.#ids, load);
    this.#copies.fill(0);
    this.#total.fill(1);
    for (let e = 0; e < this.#experts; e++) this.#copies[this.#home[e] * this.#experts + e] = 1;
    this.#giveCopies(load);
    return this.#copies;
  }

  #read(layer: number): void {
    const { tokens, layers, topk, experts } = this.#sample;
    for (let t = 0; t < tokens; t++) {
      const from = (t * layers + (layer % layers)) * topk;
      for (let k = 0; k < topk; k++) this.#ids[t * topk + k] = experts[from + k];
    }
  }

  /** Gives every node's spare slots to the copies that save most hops or relieve the fullest experts. */
  #giveCopies(load: Float64Array): void {
    const { count, gpus, slots, speeds } = this.#zones;
    const n = this.#experts;
    const copies = this.#copies;
    const spare = slots.slice();
    for (let e = 0; e < n; e++) spare[this.#home[e]]--;
    const speed = speeds.reduce((a, b) => a + b, 0);
    const total = load.reduce((a, b) => a + b, 0);
    const meanGpu = Math.max(Number.MIN_VALUE, total / speed);
    const fair = speeds.map((s) => (total * s) / speed);
    while (spare.some((left) => left > 0)) {
      this.#countCopyGains();
      const touched = new Uint8Array(n);
      let given = 0;
      for (; given < COPIES_PER_ROUND; given++) {
        let bestWorth = Number.NEGATIVE_INFINITY;
        let expert = -1;
        let node = -1;
        for (let z = 0; z < count; z++) {
          if (spare[z] === 0) continue;
          for (let e = 0; e < n; e++) {
            const here = copies[z * n + e];
            if (touched[e] === 1 || here >= gpus[z]) continue;
            const hops = here === 0 ? this.#gain[z * n + e] / Math.max(1, this.#tokens) : 0;
            const carried = here === 0 ? this.#carriedOff(e, z, load, fair) : 0;
            const relief = load[e] / (this.#total[e] * (this.#total[e] + 1)) + carried;
            const worth = this.#hopWeight * hops + relief / meanGpu;
            if (worth > bestWorth) {
              bestWorth = worth;
              expert = e;
              node = z;
            }
          }
        }
        if (expert < 0) break;
        touched[expert] = 1;
        if (copies[node * n + expert] === 0) {
          const carried = this.#carriedOff(expert, node, load, fair);
          this.#nodeLoad[this.#home[expert]] -= carried;
          this.#nodeLoad[node] += carried;
        }
        copies[node * n + expert]++;
        this.#total[expert]++;
        spare[node]--;
      }
      if (given === 0) return;
    }
  }

  /** The load that a first copy on a node could take over from the expert's home, towards what is fair for both. */
  #carriedOff(expert: number, node: number, load: Float64Array, fair: Float64Array): number {
    const home = this.#home[expert];
    const over = Math.max(0, this.#nodeLoad[home] - fair[home]);
    const under = Math.max(0, fair[node] - this.#nodeLoad[node]);
    return Math.min(load[expert], over, under);
  }

  /** `gain[z][e]`: tokens that would need a node less if node z held a copy of e. */
  #countCopyGains(): void {
    const { count } = this.#zones;
    const n = this.#experts;
    const gain = this.#gain.fill(0);
    const need = this.#need;
    const copies = this.#copies;
    for (let t = 0; t < this.#tokens; t++) {
      const from = t * this.#sample.topk;
      need.fill(0);
      // Experts of one node only say which nodes a token needs; the others join those where they can.
      for (let k = 0; k < this.#sample.topk; k++) {
        const e = this.#ids[from + k];
        if (e >= 0 && this.#onOneNode(e)) need[this.#home[e]]++;
      }
      for (let k = 0; k < this.#sample.topk; k++) {
        const e = this.#ids[from + k];
        if (e < 0 || this.#onOneNode(e)) continue;
        let at = -1;
        for (let z = 0; z < count; z++) {
          if (copies[z * n + e] > 0 && (at < 0 || need[z] > need[at])) at = z;
        }
        need[at]++;
      }
      for (let k = 0; k < this.#sample.topk; k++) {
        const e = this.#ids[from + k];
        if (e < 0 || need[this.#home[e]] !== 1 || !this.#onOneNode(e)) continue;
        for (let z = 0; z < count; z++) if (need[z] > 0 && copies[z * n + e] === 0) gain[z * n + e]++;
      }
    }
  }

  #onOneNode(expert: number): boolean {
    return this.#copies[this.#home[expert] * this.#experts + expert] === this.#total[expert];
  }
}
