import type { RoutingTrace } from "../../model/routing-trace.ts";

/**
 * What it does to a sample of tokens when an expert of one layer that is on one node moves to another: the nodes
 * that tokens visit for it alone are saved, those that they would visit for it alone come on top. Counted for one
 * expert moving while the others stay. Keeps its buffers from count to count.
 */
export class HopGains {
  readonly #sample: RoutingTrace;
  readonly #nodes: number;
  readonly #experts: number;
  /** `[experts]`: tokens that visit the expert's node for it alone. */
  readonly #sole: Int32Array;
  /** `[nodes][experts]`: tokens of the expert that do not visit the node. */
  readonly #absent: Int32Array;
  /** `[nodes][experts]`: whether the node holds the expert. */
  readonly #held: Uint8Array;
  /** `[experts]`: its one node; -1 where there are several. */
  readonly #home: Int32Array;
  readonly #need: Int32Array;

  constructor(sample: RoutingTrace, nodes: number, experts: number) {
    this.#sample = sample;
    this.#nodes = nodes;
    this.#experts = experts;
    this.#sole = new Int32Array(experts);
    this.#absent = new Int32Array(nodes * experts);
    this.#held = new Uint8Array(nodes * experts);
    this.#home = new Int32Array(experts);
    this.#need = new Int32Array(nodes);
  }

  /** Node visits saved, per token, when the expert moves to a node; by the last count. */
  gain(expert: number, to: number): number {
    return (this.#sole[expert] - this.#absent[to * this.#experts + expert]) / this.#sample.tokens;
  }

  /**
   * @param expertOf `[slots]`: the expert of each slot, −1 for none
   * @param nodeOf   `[slots]`
   */
  count(layer: number, expertOf: Int32Array, nodeOf: Int32Array): void {
    const { tokens, layers, topk, experts: ids } = this.#sample;
    const n = this.#experts;
    const home = this.#home;
    const need = this.#need;
    this.#locate(expertOf, nodeOf);
    this.#sole.fill(0);
    this.#absent.fill(0);
    for (let token = 0; token < tokens; token++) {
      const from = (token * layers + (layer % layers)) * topk;
      this.#visit(ids, from, from + topk);
      for (let i = from; i < from + topk; i++) {
        const e = ids[i];
        if (e < 0 || home[e] < 0) continue;
        if (need[home[e]] === 1) this.#sole[e]++;
        for (let node = 0; node < this.#nodes; node++) if (need[node] === 0) this.#absent[node * n + e]++;
      }
    }
  }

  #locate(expertOf: Int32Array, nodeOf: Int32Array): void {
    this.#held.fill(0);
    this.#home.fill(-2);
    for (let slot = 0; slot < expertOf.length; slot++) {
      const e = expertOf[slot];
      if (e < 0) continue;
      this.#held[nodeOf[slot] * this.#experts + e] = 1;
      if (this.#home[e] === -2) this.#home[e] = nodeOf[slot];
      else if (this.#home[e] !== nodeOf[slot]) this.#home[e] = -1;
    }
  }

  /** `need`: how many of the token's experts take it to each node; those on several nodes join the others. */
  #visit(ids: Int16Array, from: number, end: number): void {
    const need = this.#need.fill(0);
    for (let i = from; i < end; i++) if (ids[i] >= 0 && this.#home[ids[i]] >= 0) need[this.#home[ids[i]]]++;
    for (let i = from; i < end; i++) {
      const e = ids[i];
      if (e < 0 || this.#home[e] >= 0) continue;
      let best = -1;
      for (let node = 0; node < this.#nodes; node++) {
        if (this.#held[node * this.#experts + e] === 1 && (best < 0 || need[node] > need[best])) best = node;
      }
      need[best]++;
    }
  }
}
