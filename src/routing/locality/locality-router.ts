import { Clusters } from "./clusters.ts";
import { ClusterLearner, type LearningStep } from "./learn-clusters.ts";
import type { RequestGroups } from "./request-groups.ts";
import { SignatureWindow } from "./signature-window.ts";

/** Which experts a request's tokens use, as far as that is known. */
export interface ExpertSignature {
  /** `[layers][experts]`: the chance 0..1 that a token selects each. */
  readonly mix: Float32Array;
  /** That it was learned from; the fewer, the less it counts beside load. */
  readonly tokens: number;
}

/** What else a choice goes by, `[instances]` each. */
export interface ChoiceTerms {
  /** 1 for those that may be chosen: one at least. */
  readonly open: Uint8Array;
  /** What the request costs there beside the experts of its steps, in the unit of `LocalityRouter.stepExperts`. */
  readonly extra: Float64Array;
}

export interface LocalityOptions {
  readonly instances: number;
  /** Layers × experts of a signature. */
  readonly width: number;
  /** Tokens of the step that instances are compared by. Those that read every expert about once tell requests apart best. */
  readonly batch: number;
  /** Of a signature; 1 where it is not said. */
  readonly layers?: number;
  /** Signatures that clusters are learned from. */
  readonly window?: number;
}

/** Signatures that clusters are learned from. */
const WINDOW = 256;
/** What they may take; fewer are kept of wide ones. */
const WINDOW_BYTES = 1 << 26;
/** Requests, once there are many, after which clusters are learned again. */
const LEARN_EVERY = 64;
/** Slices of learning that one request more does. */
const SLICES = 8;
/** Requests of an instance before the first time. */
const FIRST_PER_INSTANCE = 2;
/** Tokens of all requests that an instance's mix begins with. */
const PRIOR_TOKENS = 300;
/** The same of a request's signature. */
const SIGNATURE_PRIOR_TOKENS = 16;
/** What an instance that is as full as it may be costs, in usual differences between instances. */
const LOAD_PRICE = 0.1;
/** Of the usual difference between instances that one request more counts. */
const FADE = 0.05;

/**
 * Chooses the instance whose requests use alike experts, within a band of load. Every instance has a mix, the mean of
 * its requests' signatures, which drifts with them and is learned anew, together with those of the others, by balanced
 * clustering of the last requests. A request goes where it adds the fewest distinct experts to a step
 * (`expected-distinct.ts`), and load has a price: a request of which nothing is known goes to the least loaded.
 * The same calls give the same instances.
 */
export class LocalityRouter {
  readonly #options: LocalityOptions;
  readonly #clusters: Clusters;
  readonly #window: SignatureWindow;
  readonly #learner: ClusterLearner;
  /** The mix of all requests. */
  readonly #all: Float32Array;
  readonly #blended: Float32Array;
  readonly #scores: Float64Array;
  #allTokens = 0;
  #observed = 0;
  #nextLearning: number;
  #learning: Generator<LearningStep, void> | null = null;
  /** What scores of instances usually differ by. */
  #spread = 0;

  constructor(options: LocalityOptions) {
    const { instances, width, batch, window = WINDOW } = options;
    this.#options = options;
    this.#clusters = new Clusters(instances, width, batch);
    const held = Math.max(4 * instances, Math.min(window, Math.floor(WINDOW_BYTES / (4 * width))));
    this.#window = new SignatureWindow(held, width);
    this.#learner = new ClusterLearner(this.#window, this.#clusters);
    this.#all = new Float32Array(width);
    this.#blended = new Float32Array(width);
    this.#scores = new Float64Array(instances);
    this.#nextLearning = FIRST_PER_INSTANCE * instances;
  }

  /** Whether it has seen a request. */
  get hasLearned(): boolean {
    return this.#observed > 0;
  }

  /** Requests that what it knows was learned from. */
  get requests(): number {
    return this.#observed;
  }

  /** What one expert that a request adds to every step, in every layer of the signature, counts in the choice. */
  get stepExperts(): number {
    return this.#options.batch * (this.#options.layers ?? 1);
  }

  /**
   * @param signature null where nothing is known
   * @param tokens the request's load, in the unit of the loads
   * @param loads  `[instances]`, without the request
   * @param slack  how much an instance may be above the mean with the request; where none is below, the least loaded is
   *   chosen
   * @param terms  null where all instances may be chosen, and nothing else counts
   */
  choose(
    signature: ExpertSignature | null,
    tokens: number,
    loads: Float64Array,
    slack: number,
    terms: ChoiceTerms | null = null,
  ): number {
    const { instances } = this.#options;
    let [sum, open, least] = [0, 0, -1];
    for (let n = 0; n < instances; n++) {
      if (terms?.open[n] === 0) continue;
      sum += loads[n];
      open++;
      if (least < 0 || loads[n] < loads[least]) least = n;
    }
    if (signature === null || this.#observed === 0 || slack <= 0) return least;
    const scores = this.#score(signature, terms !== null);
    const most = (sum + tokens) / open + slack - tokens;
    const price = (LOAD_PRICE * this.#spread) / slack;
    let best = -1;
    let cost = Number.POSITIVE_INFINITY;
    for (let n = 0; n < instances; n++) {
      if (terms?.open[n] === 0 || loads[n] > most) continue;
      const own = scores[n] + price * loads[n] + (terms?.extra[n] ?? 0);
      if (own >= cost) continue;
      best = n;
      cost = own;
    }
    return best < 0 ? least : best;
  }

  /**
   * Learns from requests of earlier traffic, before any is sent and all at once: a router in its stride.
   * @param earlier the last that fit into the window count; tokens are load, as for `choose`
   */
  prepare(earlier: Iterable<{ readonly signature: ExpertSignature; readonly tokens: number }>): void {
    for (const { signature, tokens } of earlier) this.#see(signature.mix, tokens);
    if (this.#observed === 0) return;
    this.#nextLearning = this.#observed + LEARN_EVERY;
    this.#learning = this.#learner.anew(this.#clusters);
    while (this.learn()) continue;
  }

  /**
   * A request of such a signature was sent to an instance.
   * @param tokens as for `choose`
   * @param instance −1 for one that was sent without regard to that: only clustering learns from it
   * @param slices of learning that are done at once; who asks for fewer calls `learn`
   */
  observe({ mix }: ExpertSignature, tokens: number, instance: number, slices = SLICES): void {
    const clusters = this.#clusters;
    this.#see(mix, tokens);
    if (instance >= 0) {
      clusters.drift(instance, mix, tokens, (this.#window.capacity * this.#allTokens) / this.#observed);
      clusters.turn(instance, this.#all, PRIOR_TOKENS);
    }
    if (this.#learning === null && this.#observed >= this.#nextLearning) {
      this.#nextLearning = Math.min(2 * this.#observed, this.#observed + LEARN_EVERY);
      this.#learning = this.#learner.onward(clusters);
    }
    for (let done = 0; done < slices && this.#learning !== null; ) if (this.#next() === "slice") done++;
  }

  /** What it has learned, a copy; null before the first request. */
  get groups(): RequestGroups | null {
    if (this.#observed === 0) return null;
    const clusters = this.#clusters;
    return {
      mixes: Array.from({ length: clusters.count }, (_, n) => clusters.mix(n)),
      tokens: clusters.mass,
      all: this.#all.slice(),
      allTokens: this.#allTokens,
      requests: this.#observed,
    };
  }

  /**
   * Goes on from what another has learned, of as many instances and numbers. Clusters are learned anew once the window
   * was filled by requests that come later: few are worth less than what there is.
   */
  take({ mixes, tokens, all, allTokens, requests }: RequestGroups): void {
    this.#learning = null;
    this.#all.set(all);
    this.#allTokens = allTokens;
    this.#observed = requests;
    this.#nextLearning = requests + this.#window.capacity;
    for (const [n, mix] of mixes.entries()) this.#clusters.put(n, mix, tokens[n]);
    this.#turnAll();
  }

  /** Nothing is known any more. */
  forget(): void {
    const { instances, width } = this.#options;
    const nothing = new Float32Array(width);
    this.take({
      mixes: Array.from({ length: instances }, () => nothing),
      tokens: new Float64Array(instances),
      all: nothing,
      allTokens: 0,
      requests: 0,
    });
    this.#nextLearning = FIRST_PER_INSTANCE * instances;
  }

  /** The least that can be done of what is being learned. @returns whether there is more */
  learn(): boolean {
    if (this.#learning !== null) this.#next();
    return this.#learning !== null;
  }

  #next(): LearningStep {
    const { value, done } = (this.#learning as Generator<LearningStep, void>).next();
    if (done !== true) return value;
    this.#learning = null;
    this.#turnAll();
    return "slice";
  }

  #turnAll(): void {
    for (let n = 0; n < this.#clusters.count; n++) this.#clusters.turn(n, this.#all, PRIOR_TOKENS);
  }

  #see(mix: Float32Array, tokens: number): void {
    const all = this.#all;
    const part = tokens / (this.#allTokens + tokens);
    for (let i = 0; i < all.length; i++) all[i] += part * (mix[i] - all[i]);
    this.#observed++;
    this.#allTokens += tokens;
    this.#window.add(mix, tokens);
  }

  /** @param beyondUsual what it adds more than a usual request does: one that is usual goes by load */
  #score({ mix, tokens }: ExpertSignature, beyondUsual: boolean): Float64Array {
    const [all, blended, scores] = [this.#all, this.#blended, this.#scores];
    const part = SIGNATURE_PRIOR_TOKENS / (tokens + SIGNATURE_PRIOR_TOKENS);
    if (beyondUsual) {
      for (let i = 0; i < all.length; i++) blended[i] = (1 - part) * (mix[i] - all[i]);
      this.#clusters.lean(blended, scores);
    } else {
      for (let i = 0; i < all.length; i++) blended[i] = mix[i] + part * (all[i] - mix[i]);
      this.#clusters.score(blended, scores);
    }
    let [low, high] = [scores[0], scores[0]];
    for (const score of scores) {
      low = Math.min(low, score);
      high = Math.max(high, score);
    }
    this.#spread += (this.#spread === 0 ? 1 : FADE) * (high - low - this.#spread);
    return scores;
  }
}
