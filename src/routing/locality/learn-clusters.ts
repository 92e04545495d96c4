import type { Clusters } from "./clusters.ts";
import type { SignatureWindow } from "./signature-window.ts";

/** From where cooling begins, anew and from clusters that there are, and where it ends, in usual differences of scores. */
const HOT = 0.4;
const WARM = 0.05;
const COLD = 0.005;
/** What a temperature is of the one before. */
const COOLS = 0.85;
/** Times that it begins anew. */
const STARTS = 8;
/** Corrections of the prices at a temperature at most, how far each goes, and which unevenness of load is none. */
const PRICE_STEPS = 20;
const STEP = 0.7;
const EVEN = 0.005;
/** Parts of a signature that count for nothing. */
const NO_PART = 1e-3;
/** Signatures that are worked on in one slice. */
const SLICE = 16;

export type LearningStep = "slice" | "pause";

/**
 * Balanced clustering of the signatures in a window, by the distinct experts to be expected: deterministic annealing
 * (K. Rose, Proc. IEEE 86, 1998). At a temperature every signature belongs to each cluster in part, the more the less
 * it costs there, and clusters have prices by which all are as full; then means are taken, and it cools. Lloyd's rounds
 * from any beginning stop at far worse clusters; this comes as far as long simulated annealing of single moves.
 *
 * Learning is a generator that has done a slice, of about `16 × clusters × width` multiplications, at each `"slice"`; a
 * `"pause"` is in between, so that no step takes longer than a slice.
 */
export class ClusterLearner {
  readonly #window: SignatureWindow;
  readonly #next: Clusters;
  readonly #best: Clusters;
  /** `[window][clusters]` */
  readonly #scores: Float64Array;
  readonly #parts: Float64Array;
  /** `[clusters]` */
  readonly #prices: Float64Array;
  readonly #loads: Float64Array;

  /** @param like clusters of the number and width to be learned */
  constructor(window: SignatureWindow, like: Clusters) {
    this.#window = window;
    this.#next = like.another();
    this.#best = like.another();
    this.#scores = new Float64Array(window.capacity * like.count);
    this.#parts = new Float64Array(window.capacity * like.count);
    this.#prices = new Float64Array(like.count);
    this.#loads = new Float64Array(like.count);
  }

  /** From nothing, several times; the best is taken. */
  *anew(clusters: Clusters): Generator<LearningStep, void> {
    let least = Number.POSITIVE_INFINITY;
    for (let start = 0; start < STARTS; start++) {
      this.#begin(start / STARTS);
      const cost = yield* this.#cool(HOT);
      if (cost >= least) continue;
      least = cost;
      this.#best.copy(this.#next);
    }
    clusters.copy(this.#best);
  }

  /** From the clusters that there are, so that each keeps its instance. */
  *onward(clusters: Clusters): Generator<LearningStep, void> {
    this.#next.copy(clusters);
    yield* this.#cool(WARM);
    clusters.copy(this.#next);
  }

  /** Single signatures, far from one another in the window, are the first means. @param shift 0..1 */
  #begin(shift: number): void {
    const [window, next] = [this.#window, this.#next];
    next.empty();
    for (let c = 0; c < next.count; c++) {
      const i = Math.floor(((c + shift) * window.count) / next.count);
      next.add(c, window.signature(i), window.tokens(i));
    }
    for (const _ of next.settle()) continue;
    this.#prices.fill(0);
  }

  /**
   * @param from temperature
   * @returns the distinct experts of a step, mean of all tokens: what clusterings of one window are compared by
   */
  *#cool(from: number): Generator<LearningStep, number> {
    const [window, next, scores] = [this.#window, this.#next, this.#scores];
    const { count } = window;
    let spread = 0;
    let cost = 0;
    for (let heat = from; heat > COLD; heat *= COOLS) {
      for (let i = 0; i < count; i++) {
        next.score(window.signature(i), scores, i * next.count);
        if (i % SLICE === SLICE - 1) yield "slice";
      }
      if (spread === 0) spread = this.#spread(count);
      if (spread === 0) break;
      yield "pause";
      yield* this.#share(count, heat * spread);
      cost = this.#cost(count);
      next.empty();
      for (let i = 0; i < count; i++) {
        this.#add(i);
        if (i % SLICE === SLICE - 1) yield "slice";
      }
      yield "pause";
      yield* next.settle();
    }
    return cost;
  }

  #cost(count: number): number {
    let [cost, tokens] = [0, 0];
    const clusters = this.#loads.length;
    for (let i = 0; i < count; i++) {
      const own = this.#window.tokens(i);
      tokens += own;
      for (let at = i * clusters; at < (i + 1) * clusters; at++) {
        cost += own * this.#parts[at] * this.#scores[at];
      }
    }
    return cost / tokens;
  }

  #add(i: number): void {
    const [next, window] = [this.#next, this.#window];
    const tokens = window.tokens(i);
    for (let c = 0, at = i * next.count; c < next.count; c++, at++) {
      if (this.#parts[at] > NO_PART) next.add(c, window.signature(i), this.#parts[at] * tokens);
    }
  }

  /** The parts of every signature, and the prices by which clusters are as full. */
  *#share(count: number, temperature: number): Generator<"pause", void> {
    const [window, parts, prices, loads] = [this.#window, this.#parts, this.#prices, this.#loads];
    const clusters = loads.length;
    for (let step = 0; step < PRICE_STEPS; step++) {
      loads.fill(0);
      let all = 0;
      for (let i = 0, at = 0; i < count; i++, at += clusters) {
        const tokens = window.tokens(i);
        all += tokens;
        this.#divide(at, temperature);
        for (let c = 0; c < clusters; c++) loads[c] += tokens * parts[at + c];
      }
      let uneven = 0;
      for (let c = 0; c < clusters; c++) {
        const full = Math.max(Number.EPSILON, (loads[c] * clusters) / all);
        uneven = Math.max(uneven, Math.abs(full - 1));
        prices[c] += STEP * temperature * Math.log(full);
      }
      yield "pause";
      if (uneven < EVEN) break;
    }
  }

  /** One signature's parts. */
  #divide(at: number, temperature: number): void {
    const [scores, parts, prices] = [this.#scores, this.#parts, this.#prices];
    let least = Number.POSITIVE_INFINITY;
    for (let c = 0; c < prices.length; c++) least = Math.min(least, scores[at + c] + prices[c]);
    let sum = 0;
    for (let c = 0; c < prices.length; c++) {
      const part = Math.exp((least - scores[at + c] - prices[c]) / temperature);
      parts[at + c] = part;
      sum += part;
    }
    for (let c = 0; c < prices.length; c++) parts[at + c] /= sum;
  }

  /** What a signature's scores differ by, mean. */
  #spread(count: number): number {
    const [scores, clusters] = [this.#scores, this.#loads.length];
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
