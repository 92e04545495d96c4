/** Earlier observations count less, by so many later ones for each shard: e-fold. */
const MEMORY = 128;
/** A shard is taken for the pool's mean one until it has been seen to differ: so many observations say that it does not. */
const PRIOR = 4;
/** Shards within this factor of the typical one are taken to be as fast: estimates of prompts are not better than that. */
const ALIKE = 1.3;
const MOST = 8;

/**
 * How fast each shard prefills, learned from how long requests waited for their first byte behind so many tokens: least
 * squares through the origin, so that long waits count, and what every request waits for does not. An observation of any
 * shard makes all earlier ones count less: of a shard that is avoided is forgotten that it was slow.
 */
export class PrefillSpeeds {
  /** `[shards]`: how many times as long as the typical shard each takes; 1 for those that are alike. */
  readonly slowness: Float64Array;
  /** `[shards]`: Σ tokens × ms, and Σ tokens², each by its gain. */
  readonly #time: Float64Array;
  readonly #work: Float64Array;
  /** Sums over the shards, and of the gains. */
  #allTime = 0;
  #allWork = 0;
  #all = 0;
  /** What an observation counts now; grows, so that nothing else has to shrink. */
  #gain = 1;
  readonly #growth: number;
  readonly #sorted: Float64Array;
  /** Observations until slowness is worked out anew. */
  #left = 1;

  constructor(shards: number) {
    this.slowness = new Float64Array(shards).fill(1);
    this.#time = new Float64Array(shards);
    this.#work = new Float64Array(shards);
    this.#sorted = new Float64Array(shards);
    this.#growth = Math.exp(1 / (MEMORY * Math.max(1, shards)));
  }

  /** A request had its first byte after so long. @param tokens of prompts that were to be computed, its own the last */
  observe(shard: number, tokens: number, ms: number): void {
    if (!(tokens > 0) || !(ms >= 0)) return;
    this.#gain *= this.#growth;
    this.#time[shard] += this.#gain * tokens * ms;
    this.#work[shard] += this.#gain * tokens * tokens;
    this.#allTime += this.#gain * tokens * ms;
    this.#allWork += this.#gain * tokens * tokens;
    this.#all += this.#gain;
    if (this.#gain > HUGE) this.#shrink();
    if (--this.#left > 0) return;
    this.#left = this.slowness.length;
    this.#compare();
  }

  /** Milliseconds for a token of a prompt; 0 while nothing is known. */
  msPerToken(shard: number): number {
    if (this.#allTime === 0) return 0;
    const prior = (PRIOR * this.#gain * this.#allWork) / this.#all;
    const pool = this.#allTime / this.#allWork;
    return (this.#time[shard] + prior * pool) / (this.#work[shard] + prior);
  }

  /** The shard may have become another: what was seen of it counts no more. */
  forget(shard: number): void {
    this.#allTime -= this.#time[shard];
    this.#allWork -= this.#work[shard];
    this.#time[shard] = this.#work[shard] = 0;
    this.slowness[shard] = 1;
    // What rounding left is no observation.
    if (this.#time.every((time) => time === 0)) this.#allTime = this.#allWork = this.#all = 0;
  }

  /** Takes over what was learned before. @param previous `[shards]`: the place of each there; −1 for those that are new */
  resume(before: PrefillSpeeds, previous: Int32Array): void {
    for (const [shard, from] of previous.entries()) {
      if (from < 0) continue;
      this.#time[shard] = before.#time[from] / before.#gain;
      this.#work[shard] = before.#work[from] / before.#gain;
      this.#allTime += this.#time[shard];
      this.#allWork += this.#work[shard];
      this.slowness[shard] = before.slowness[from];
    }
    this.#all = this.#allWork === 0 ? 0 : (before.#all / before.#allWork) * this.#allWork;
  }

  #compare(): void {
    const { slowness } = this;
    const count = slowness.length;
    for (let shard = 0; shard < count; shard++) this.#sorted[shard] = this.msPerToken(shard);
    this.#sorted.sort();
    const typical = (this.#sorted[(count - 1) >> 1] + this.#sorted[count >> 1]) / 2;
    for (let shard = 0; shard < count; shard++) {
      const ratio = this.msPerToken(shard) / typical;
      const alike = !(ratio > ALIKE || ratio < 1 / ALIKE);
      slowness[shard] = alike ? 1 : Math.min(MOST, Math.max(1 / MOST, ratio));
    }
  }

  #shrink(): void {
    const by = 1 / this.#gain;
    for (let shard = 0; shard < this.#time.length; shard++) {
      this.#time[shard] *= by;
      this.#work[shard] *= by;
    }
    this.#allTime *= by;
    this.#allWork *= by;
    this.#all *= by;
    this.#gain = 1;
  }
}

const HUGE = 1e100;
