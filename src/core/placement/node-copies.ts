import type { RoutingTrace } from "../../model/routing-trace.ts";
import type { Zones } from "./zones.ts";

/** Rounds in which experts change places between nodes, and the swaps tried between two nodes in each. */
const SWAP_ROUNDS = 16;
const SWAPS_PER_PAIR = 3;
/** Redundant slots given out between two looks at the sample. */
const COPIES_PER_ROUND = 4;

/** A node's own load may be above its part by this fraction before swaps are refused: copies carry load back. */
const LOAD_SLACK = 0.2;

/** See Coactivation in place-experts.ts. */
interface Options {
  readonly sample: RoutingTrace;
  readonly groups: number;
  readonly hopWeight: number;
}

/**
 * Chooses which nodes hold copies of each expert of one layer, so that a token's experts are found on few nodes:
 * first every expert's home, then further copies for the redundant slots. Works on a sample of routed tokens,
 * which keeps everything about which experts are used together. Keeps its buffers from layer to layer.
 */
export class NodeCopies {
  readonly #experts: number;
  readonly #zones: Zones;
  readonly #sample: RoutingTrace;
  readonly #groups: number;
  readonly #hopWeight: number;
  readonly #home: Int32Array;
  /** `[nodes][experts]` */
  readonly #copies: Int32Array;
  /** `[experts]`: copies in all. */
  readonly #total: Int32Array;
  readonly #nodeLoad: Float64Array;
  readonly #need: Int32Array;
  /** `[experts]` and `[nodes][experts]`: tokens, as the last look at the sample counted them. */
  readonly #sole: Int32Array;
  readonly #gain: Int32Array;
  /** `[tokens][topk]`: the layer's part of the sample. */
  readonly #ids: Int16Array;
  readonly #tokens: number;

  constructor(experts: number, zones: Zones, { sample, groups, hopWeight }: Options) {
    this.#experts = experts;
    this.#zones = zones;
    this.#sample = sample;
    this.#groups = groups;
    this.#hopWeight = hopWeight;
    this.#tokens = sample.tokens;
    this.#ids = new Int16Array(sample.tokens * sample.topk);
    this.#home = new Int32Array(experts);
    this.#copies = new Int32Array(zones.count * experts);
    this.#total = new Int32Array(experts);
    this.#nodeLoad = new Float64Array(zones.count);
    this.#need = new Int32Array(zones.count);
    this.#sole = new Int32Array(experts);
    this.#gain = new Int32Array(zones.count * experts);
  }

  /**
   * @param load `[experts]`
   * @returns `[nodes][experts]` copies; overwritten by the next call
   */
  choose(layer: number, load: Float64Array): Int32Array {
    this.#read(layer);
    this.#homes(load);
    for (let round = 0; round < SWAP_ROUNDS; round++) if (!this.#swapHomes(load)) break;
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

  /** Groups that are used together share a node, as far as slots allow: greedy by pairs of groups. */
  #homes(load: Float64Array): void {
    const { count, slots, speeds } = this.#zones;
    const size = this.#experts / this.#groups;
    const together = new Float64Array(this.#groups * this.#groups);
    const used = new Uint8Array(this.#groups);
    for (let t = 0; t < this.#tokens; t++) {
      used.fill(0);
      for (let k = 0; k < this.#sample.topk; k++) {
        const e = this.#ids[t * this.#sample.topk + k];
        if (e >= 0) used[Math.floor(e / size)] = 1;
      }
      for (let a = 0; a < this.#groups; a++) {
        if (used[a] === 0) continue;
        for (let b = 0; b < this.#groups; b++) if (used[b] === 1) together[a * this.#groups + b]++;
      }
    }
    const groupLoad = new Float64Array(this.#groups);
    for (let e = 0; e < this.#experts; e++) groupLoad[Math.floor(e / size)] += load[e];
    const totalSlots = slots.reduce((a, b) => a + b, 0);
    const room = Float64Array.from(slots, (s) => (s / totalSlots) * this.#experts);
    this.#nodeLoad.fill(0);
    const total = groupLoad.reduce((a, b) => a + b, 0);
    const speed = speeds.reduce((a, b) => a + b, 0);
    const members: number[][] = Array.from({ length: count }, () => []);
    const order = [...groupLoad.keys()].toSorted((a, b) => groupLoad[b] - groupLoad[a]);
    const split: number[] = [];
    for (const g of order) {
      let best = -1;
      let most = Number.NEGATIVE_INFINITY;
      for (let n = 0; n < count; n++) {
        if (room[n] < size - 1e-9) continue;
        let affinity = 0;
        for (const other of members[n]) affinity += together[g * this.#groups + other];
        const over = (this.#nodeLoad[n] + groupLoad[g]) / total - speeds[n] / speed;
        const worth = affinity / Math.max(1, this.#tokens) - 4 * Math.max(0, over);
        if (worth > most) {
          most = worth;
          best = n;
        }
      }
      if (best < 0) {
        split.push(g);
        continue;
      }
      members[best].push(g);
      room[best] -= size;
      this.#nodeLoad[best] += groupLoad[g];
      for (let e = g * size; e < (g + 1) * size; e++) this.#home[e] = best;
    }
    // Groups that fit no node whole go where there is room, expert by expert.
    for (const g of split) {
      for (let e = g * size; e < (g + 1) * size; e++) {
        let best = 0;
        for (let n = 1; n < count; n++) if (room[n] > room[best]) best = n;
        room[best]--;
        this.#home[e] = best;
        this.#nodeLoad[best] += load[e];
      }
    }
  }

  /** One round of pairwise exchange between nodes (Kernighan–Lin on tokens); false when nothing gains. */
  #swapHomes(load: Float64Array): boolean {
    const { count, speeds } = this.#zones;
    const n = this.#experts;
    const sole = this.#sole.fill(0);
    const absent = this.#gain.fill(0);
    for (let t = 0; t < this.#tokens; t++) {
      const from = t * this.#sample.topk;
      this.#need.fill(0);
      for (let k = 0; k < this.#sample.topk; k++) {
        const e = this.#ids[from + k];
        if (e >= 0) this.#need[this.#home[e]]++;
      }
      for (let k = 0; k < this.#sample.topk; k++) {
        const e = this.#ids[from + k];
        if (e < 0) continue;
        if (this.#need[this.#home[e]] === 1) sole[e]++;
        for (let z = 0; z < count; z++) if (this.#need[z] === 0) absent[z * n + e]++;
      }
    }
    const speed = speeds.reduce((a, b) => a + b, 0);
    const total = this.#nodeLoad.reduce((a, b) => a + b, 0);
    const limit = (z: number) => ((total * speeds[z]) / speed) * (1 + LOAD_SLACK);
    const touched = new Uint8Array(n);
    const gain = (e: number, to: number) => sole[e] - absent[to * n + e];
    const best = (from: number, to: number) => {
      let found = -1;
      for (let e = 0; e < n; e++) {
        if (this.#home[e] !== from || touched[e] === 1) continue;
        if (found < 0 || gain(e, to) > gain(found, to)) found = e;
      }
      return found;
    };
    let done = 0;
    for (let a = 0; a < count; a++) {
      for (let b = 0; b < a; b++) {
        for (let swaps = 0; swaps < SWAPS_PER_PAIR; swaps++) {
          const there = best(a, b);
          const back = best(b, a);
          if (there < 0 || back < 0 || gain(there, b) + gain(back, a) <= 0) break;
          touched[there] = 1;
          touched[back] = 1;
          const delta = load[there] - load[back];
          const after = this.#nodeLoad[a] - delta;
          const afterOther = this.#nodeLoad[b] + delta;
          if ((delta > 0 && afterOther > limit(b)) || (delta < 0 && after > limit(a))) continue;
          this.#home[there] = b;
          this.#home[back] = a;
          this.#nodeLoad[a] = after;
          this.#nodeLoad[b] = afterOther;
          done++;
        }
      }
    }
    return done > 0;
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
            const hops = here === 0 ? this.#gain[z * n + e] / this.#tokens : 0;
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
