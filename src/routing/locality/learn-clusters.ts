import type { Rng } from "../../lib/rng.ts";
import { Clusters } from "./clusters.ts";
import type { SignatureWindow } from "./signature-window.ts";

/** Rounds of assignment and means: of clusters that go on, and of clusters begun anew. */
const ROUNDS_ON = 3;
const ROUNDS_ANEW = 8;
/** Clusters begun anew must be so much better to take the place of those that are: what goes on drifts. */
const LEAST_GAIN = 0.005;
/** A new cluster's seed is, of so many signatures drawn, the one least like the seeds before. */
const SEED_DRAWS = 12;
/** Steps of the prices that make clusters equally full. */
const PRICE_STEPS = 40;

/** What learning works in; made once. */
export class ClusterLearner {
  readonly #window: SignatureWindow;
  readonly #rng: Rng;
  readonly #trial: Clusters;
  readonly #best: Clusters;
  /** `[window][clusters]` */
  readonly #scores: Float64Array;
  readonly #assigned: Int32Array;
  readonly #bestAssigned: Int32Array;
  readonly #prices: Float64Array;
  readonly #loads: Float64Array;
  readonly #identity: Int32Array;
  readonly #mean: Float64Array;

  constructor(window: SignatureWindow, clusters: number, batch: number, rng: Rng) {
    const most = window.capacity;
    this.#window = window;
    this.#rng = rng;
    this.#trial = new Clusters(clusters, window.width, batch);
    this.#best = new Clusters(clusters, window.width, batch);
    this.#scores = new Float64Array(most * clusters);
    this.#assigned = new Int32Array(most);
    this.#bestAssigned = new Int32Array(most);
    this.#prices = new Float64Array(clusters);
    this.#loads = new Float64Array(clusters);
    this.#mean = new Float64Array(window.width);
    this.#identity = Int32Array.from({ length: clusters }, (_, c) => c);
  }

  /**
   * Learns clusters of the window's signatures, all about as full (in tokens), with the fewest distinct experts to be
   * expected: those that there are, refined, or better ones begun anew so many times. A cluster keeps the number of
   * the instance that has most of its requests.
   */
  learn(clusters: Clusters, anew: number): void {
    this.#trial.take(clusters, this.#identity);
    let least = this.#refine(ROUNDS_ON);
    this.#keep();
    least *= 1 - LEAST_GAIN;
    for (let trial = 0; trial < anew; trial++) {
      this.#seed();
      const value = this.#refine(ROUNDS_ANEW);
      if (value >= least) continue;
      least = value;
      this.#keep();
    }
    clusters.take(this.#best, this.#instances());
  }

  #keep(): void {
    this.#best.take(this.#trial, this.#identity);
    this.#bestAssigned.set(this.#assigned);
  }

  /** @returns distinct experts to be expected */
  #refine(rounds: number): number {
    const [window, trial] = [this.#window, this.#trial];
    const { count } = window;
    let value = 0;
    for (let round = 0; round < rounds; round++) {
      for (let c = 0; c < trial.count; c++) trial.turn(c);
      for (let i = 0; i < count; i++) trial.score(window.signature(i), this.#scores, i * trial.count);
      this.#assign();
      trial.empty();
      for (let i = 0; i < count; i++) trial.add(this.#assigned[i], window.signature(i), window.tokens(i));
      value = trial.settle();
    }
    return value;
  }

  /** Each signature to the cluster where it costs least, with a price on full clusters (an auction's, by subgradients). */
  #assign(): void {
    const [window, scores, prices, loads] = [this.#window, this.#scores, this.#prices, this.#loads];
    const { count } = window;
    const clusters = loads.length;
    let spread = 0;
    let tokens = 0;
    for (let i = 0, o = 0; i < count; i++, o += clusters) {
      let [low, high] = [scores[o], scores[o]];
      for (let c = 1; c < clusters; c++) {
        low = Math.min(low, scores[o + c]);
        high = Math.max(high, scores[o + c]);
      }
      spread += (high - low) / count;
      tokens += window.tokens(i);
    }
    prices.fill(0);
    for (let step = 0; step < PRICE_STEPS; step++) {
      loads.fill(0);
      for (let i = 0, o = 0; i < count; i++, o += clusters) {
        let best = 0;
        for (let c = 1; c < clusters; c++) {
          if (scores[o + c] + prices[c] < scores[o + best] + prices[best]) best = c;
        }
        this.#assigned[i] = best;
        loads[best] += window.tokens(i);
      }
      if (step === PRICE_STEPS - 1) break;
      const size = (spread * 0.5) / (1 + 0.3 * step);
      for (let c = 0; c < clusters; c++) prices[c] += size * ((loads[c] * clusters) / tokens - 1);
    }
  }

  #seed(): void {
    const [window, trial] = [this.#window, this.#trial];
    const { count } = window;
    const chosen: number[] = [];
    for (let c = 0; c < trial.count; c++) {
      let furthest = this.#rng.below(count);
      let most = -1;
      for (let draw = 0; c > 0 && draw < SEED_DRAWS; draw++) {
        const i = this.#rng.below(count);
        let nearest = Number.POSITIVE_INFINITY;
        for (const seed of chosen) nearest = Math.min(nearest, distance(window.signature(i), window.signature(seed)));
        if (nearest <= most) continue;
        most = nearest;
        furthest = i;
      }
      chosen.push(furthest);
      trial.seed(c, window.signature(furthest), window.tokens(furthest));
    }
    this.#spreadSeeds();
  }

  /** A single signature has nothing of what its like use: half of a seed is the mean of all. */
  #spreadSeeds(): void {
    const [window, trial] = [this.#window, this.#trial];
    const mean = this.#mean;
    mean.fill(0);
    for (let i = 0; i < window.count; i++) {
      const signature = window.signature(i);
      for (let x = 0; x < mean.length; x++) mean[x] += signature[x] / window.count;
    }
    for (let c = 0; c < trial.count; c++) {
      const mix = trial.mix(c);
      for (let x = 0; x < mean.length; x++) mix[x] = (mix[x] + mean[x]) / 2;
    }
  }

  /** `[clusters]`: the instance that each becomes, by where most of its tokens were sent; the largest part first. */
  #instances(): Int32Array {
    const window = this.#window;
    const clusters = this.#loads.length;
    const overlap = new Float64Array(clusters * clusters);
    for (let i = 0; i < window.count; i++) {
      overlap[this.#bestAssigned[i] * clusters + window.instance(i)] += window.tokens(i);
    }
    const as = new Int32Array(clusters).fill(-1);
    const taken = new Uint8Array(clusters);
    for (let n = 0; n < clusters; n++) {
      let best = -1;
      for (let pair = 0; pair < overlap.length; pair++) {
        if (as[Math.floor(pair / clusters)] >= 0 || taken[pair % clusters] === 1) continue;
        if (best < 0 || overlap[pair] > overlap[best]) best = pair;
      }
      as[Math.floor(best / clusters)] = best % clusters;
      taken[best % clusters] = 1;
    }
    return as;
  }
}

function distance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += Math.abs(a[i] - b[i]);
  return sum;
}
