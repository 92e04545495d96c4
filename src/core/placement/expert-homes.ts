import type { RoutingTrace } from "../../model/routing-trace.ts";
import type { Zones } from "./zones.ts";

/** Rounds in which experts change places between nodes, and the swaps tried between two nodes in each. */
const SWAP_ROUNDS = 16;
const SWAPS_PER_PAIR = 3;
/** A node's own load may be above its part by this fraction before swaps are refused: copies carry load back. */
const LOAD_SLACK = 0.2;
/** What a group's share of the load that is too much for a node weighs, against tokens that save that node. */
const OVERLOAD_WEIGHT = 4;

/**
 * The node where each expert of one layer has its first copy: experts that are used together share it, as far as
 * slots and load allow. Whole groups first; then experts change places one against one (Kernighan–Lin on tokens).
 */
export class ExpertHomes {
  /** `[experts]`: the node of each. */
  readonly home: Int32Array;
  /** `[nodes]`: the load of the experts at home there. */
  readonly nodeLoad: Float64Array;
  readonly #experts: number;
  readonly #zones: Zones;
  readonly #groups: number;
  readonly #tokens: number;
  readonly #topk: number;
  readonly #need: Int32Array;
  /** `[experts]`: tokens that visit the expert's node for it alone. */
  readonly #sole: Int32Array;
  /** `[nodes][experts]`: tokens of the expert that do not visit the node. */
  readonly #absent: Int32Array;

  constructor(experts: number, zones: Zones, groups: number, { tokens, topk }: RoutingTrace) {
    this.home = new Int32Array(experts);
    this.nodeLoad = new Float64Array(zones.count);
    this.#experts = experts;
    this.#zones = zones;
    this.#groups = groups;
    this.#tokens = tokens;
    this.#topk = topk;
    this.#need = new Int32Array(zones.count);
    this.#sole = new Int32Array(experts);
    this.#absent = new Int32Array(zones.count * experts);
  }

  /**
   * Writes `home` and `nodeLoad`.
   * @param ids  `[tokens][topk]`: the experts of sampled tokens
   * @param load `[experts]`
   */
  choose(ids: Int16Array, load: Float64Array): void {
    this.#seatGroups(this.#togetherness(ids), load);
    for (let round = 0; round < SWAP_ROUNDS; round++) if (!this.#swap(ids, load)) return;
  }

  /** `[groups][groups]`: tokens that use both. */
  #togetherness(ids: Int16Array): Float64Array {
    const groups = this.#groups;
    const size = this.#experts / groups;
    const together = new Float64Array(groups * groups);
    const used = new Uint8Array(groups);
    for (let t = 0; t < this.#tokens; t++) {
      used.fill(0);
      for (let k = 0; k < this.#topk; k++) {
        const e = ids[t * this.#topk + k];
        if (e >= 0) used[Math.floor(e / size)] = 1;
      }
      for (let a = 0; a < groups; a++) {
        if (used[a] === 0) continue;
        for (let b = 0; b < groups; b++) if (used[b] === 1) together[a * groups + b]++;
      }
    }
    return together;
  }

  /** The heaviest group first, each to the node with most in common that has room; what fits nowhere whole is split. */
  #seatGroups(together: Float64Array, load: Float64Array): void {
    const { count, slots, speeds } = this.#zones;
    const groups = this.#groups;
    const size = this.#experts / groups;
    const groupLoad = new Float64Array(groups);
    for (let e = 0; e < this.#experts; e++) groupLoad[Math.floor(e / size)] += load[e];
    const totalSlots = slots.reduce((a, b) => a + b, 0);
    const room = Float64Array.from(slots, (s) => (s / totalSlots) * this.#experts);
    this.nodeLoad.fill(0);
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
        for (const other of members[n]) affinity += together[g * groups + other];
        const over = (this.nodeLoad[n] + groupLoad[g]) / total - speeds[n] / speed;
        const worth = affinity / Math.max(1, this.#tokens) - OVERLOAD_WEIGHT * Math.max(0, over);
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
      this.nodeLoad[best] += groupLoad[g];
      this.home.fill(best, g * size, (g + 1) * size);
    }
    for (const g of split) this.#split(g * size, size, room, load);
  }

  /** A group's experts over as few nodes as can be, the heaviest first, each to the node with least load. */
  #split(first: number, size: number, room: Float64Array, load: Float64Array): void {
    const { speeds } = this.#zones;
    const nodes: number[] = [];
    let seats = 0;
    for (const node of [...room.keys()].toSorted((a, b) => room[b] - room[a])) {
      if (seats >= size) break;
      nodes.push(node);
      seats += Math.max(0, Math.floor(room[node]));
    }
    const experts = Array.from({ length: size }, (_, i) => first + i);
    for (const e of experts.toSorted((a, b) => load[b] - load[a])) {
      const open = nodes.filter((node) => room[node] >= 1);
      const best =
        open.length === 0
          ? room.indexOf(Math.max(...room))
          : open.reduce((a, b) => (this.nodeLoad[b] / speeds[b] < this.nodeLoad[a] / speeds[a] ? b : a));
      room[best]--;
      this.home[e] = best;
      this.nodeLoad[best] += load[e];
    }
  }

  /** One round of pairwise exchange between nodes; false when nothing gains. */
  #swap(ids: Int16Array, load: Float64Array): boolean {
    const { count, speeds } = this.#zones;
    const { home, nodeLoad } = this;
    const n = this.#experts;
    this.#countSwapGains(ids);
    const sole = this.#sole;
    const absent = this.#absent;
    const speed = speeds.reduce((a, b) => a + b, 0);
    const total = nodeLoad.reduce((a, b) => a + b, 0);
    const limit = (z: number) => ((total * speeds[z]) / speed) * (1 + LOAD_SLACK);
    const touched = new Uint8Array(n);
    const gain = (e: number, to: number) => sole[e] - absent[to * n + e];
    const best = (from: number, to: number) => {
      let found = -1;
      for (let e = 0; e < n; e++) {
        if (home[e] !== from || touched[e] === 1) continue;
        if (found < 0 || gain(e, to) > gain(found, to)) found = e;
      }
      return found;
    };
    let swapped = false;
    for (let a = 0; a < count; a++) {
      for (let b = 0; b < a; b++) {
        for (let swaps = 0; swaps < SWAPS_PER_PAIR; swaps++) {
          const there = best(a, b);
          const back = best(b, a);
          if (there < 0 || back < 0 || gain(there, b) + gain(back, a) <= 0) break;
          touched[there] = 1;
          touched[back] = 1;
          const delta = load[there] - load[back];
          if (delta > 0 && nodeLoad[b] + delta > limit(b)) continue;
          if (delta < 0 && nodeLoad[a] - delta > limit(a)) continue;
          home[there] = b;
          home[back] = a;
          nodeLoad[a] -= delta;
          nodeLoad[b] += delta;
          swapped = true;
        }
      }
    }
    return swapped;
  }

  #countSwapGains(ids: Int16Array): void {
    const { count } = this.#zones;
    const n = this.#experts;
    const home = this.home;
    const need = this.#need;
    const sole = this.#sole.fill(0);
    const absent = this.#absent.fill(0);
    for (let from = 0; from < this.#tokens * this.#topk; from += this.#topk) {
      need.fill(0);
      for (let k = 0; k < this.#topk; k++) {
        const e = ids[from + k];
        if (e >= 0) need[home[e]]++;
      }
      for (let k = 0; k < this.#topk; k++) {
        const e = ids[from + k];
        if (e < 0) continue;
        if (need[home[e]] === 1) sole[e]++;
        for (let z = 0; z < count; z++) if (need[z] === 0) absent[z * n + e]++;
      }
    }
  }
}
