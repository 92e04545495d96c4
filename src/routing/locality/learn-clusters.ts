import type { Clusters } from "./clusters.ts";
import type { SignatureWindow } from "./signature-window.ts";

/** Rounds of assignment and means at most. */
const ROUNDS = 8;
/** Steps of the prices that make clusters equally full, and their size, in usual differences between clusters. */
const PRICE_STEPS = 40;
const FIRST_STEP = 0.5;
const STEP_SHRINKS = 0.3;

/**
 * Balanced clustering of the signatures in a window, by the distinct experts to be expected: Lloyd's rounds with a
 * Bregman divergence, where full clusters have a price. It goes on from the clusters that there are, so that each keeps
 * its instance. Beginning anew, from drawn signatures or from many small clusters put together, was tried on recorded
 * streams: it costs five times as much and routes no better.
 */
export class ClusterLearner {
  readonly #window: SignatureWindow;
  readonly #clusters: Clusters;
  /** `[window][clusters]` */
  readonly #scores: Float64Array;
  /** `[window]` */
  readonly #assigned: Int32Array;
  readonly #before: Int32Array;
  readonly #prices: Float64Array;
  readonly #loads: Float64Array;

  constructor(window: SignatureWindow, clusters: Clusters) {
    this.#window = window;
    this.#clusters = clusters;
    this.#scores = new Float64Array(window.capacity * clusters.count);
    this.#assigned = new Int32Array(window.capacity);
    this.#before = new Int32Array(window.capacity);
    this.#prices = new Float64Array(clusters.count);
    this.#loads = new Float64Array(clusters.count);
  }

  /** Afterwards the clusters' mixes are those of the window's signatures alone. */
  learn(): void {
    const [window, clusters] = [this.#window, this.#clusters];
    for (let round = 0; round < ROUNDS; round++) {
      for (let i = 0; i < window.count; i++) {
        clusters.score(window.signature(i), this.#scores, i * clusters.count);
      }
      // The same members again have the same means.
      if (!this.#assign() && round > 0) return;
      clusters.empty();
      for (let i = 0; i < window.count; i++) {
        clusters.add(this.#assigned[i], window.signature(i), window.tokens(i));
      }
      clusters.settle();
    }
  }

  /** Each signature to the cluster where it costs least, with its price (an auction's, by subgradients). @returns whether any is in another */
  #assign(): boolean {
    const [window, scores, assigned] = [this.#window, this.#scores, this.#assigned];
    const [prices, loads] = [this.#prices, this.#loads];
    const { count } = window;
    const clusters = loads.length;
    const spread = this.#spread();
    this.#before.set(assigned);
    prices.fill(0);
    for (let step = 0; step < PRICE_STEPS; step++) {
      loads.fill(0);
      let tokens = 0;
      for (let i = 0, o = 0; i < count; i++, o += clusters) {
        let best = 0;
        for (let c = 1; c < clusters; c++) {
          if (scores[o + c] + prices[c] < scores[o + best] + prices[best]) best = c;
        }
        assigned[i] = best;
        loads[best] += window.tokens(i);
        tokens += window.tokens(i);
      }
      const size = (spread * FIRST_STEP) / (1 + STEP_SHRINKS * step);
      for (let c = 0; c < clusters; c++) prices[c] += size * ((loads[c] * clusters) / tokens - 1);
    }
    return assigned.some((cluster, i) => cluster !== this.#before[i]);
  }

  /** What a signature's scores differ by, mean. */
  #spread(): number {
    const [scores, clusters] = [this.#scores, this.#loads.length];
    const { count } = this.#window;
    let spread = 0;
    for (let i = 0, o = 0; i < count; i++, o += clusters) {
      let [low, high] = [scores[o], scores[o]];
      for (let c = 1; c < clusters; c++) {
        low = Math.min(low, scores[o + c]);
        high = Math.max(high, scores[o + c]);
      }
      spread += (high - low) / count;
    }
    return spread;
  }
}
