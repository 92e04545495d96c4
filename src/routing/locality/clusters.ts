import { type Tangent, tangentAt } from "./expected-distinct.ts";

/** The mixes of several groups of requests, each with the tangent by which requests are assigned to it. */
export class Clusters {
  readonly count: number;
  readonly #batch: number;
  readonly #mixes: readonly Float32Array[];
  readonly #tangents: readonly Tangent[];
  readonly #sums: readonly Float64Array[];
  /** `[count]`: tokens behind each mix. */
  readonly #mass: Float64Array;
  /** What a tangent is set at. */
  readonly #blend: Float32Array;

  /** @param width layers × experts @param batch tokens of a decode step */
  constructor(count: number, width: number, batch: number) {
    this.count = count;
    this.#batch = batch;
    this.#mixes = Array.from({ length: count }, () => new Float32Array(width));
    this.#tangents = this.#mixes.map(() => ({ slope: new Float32Array(width), offset: 0 }));
    this.#sums = this.#mixes.map(() => new Float64Array(width));
    this.#mass = new Float64Array(count);
    this.#blend = new Float32Array(width);
  }

  /** As many, of nothing. */
  another(): Clusters {
    return new Clusters(this.count, this.#blend.length, this.#batch);
  }

  /** Takes over what others are. */
  copy(other: Clusters): void {
    for (let c = 0; c < this.count; c++) {
      this.#mixes[c].set(other.#mixes[c]);
      this.#tangents[c].slope.set(other.#tangents[c].slope);
      this.#tangents[c].offset = other.#tangents[c].offset;
    }
    this.#mass.set(other.#mass);
  }

  /** `[width]`, a copy. */
  mix(cluster: number): Float32Array {
    return this.#mixes[cluster].slice();
  }

  /** `[count]`: tokens behind each mix, a copy. */
  get mass(): Float64Array {
    return this.#mass.slice();
  }

  /** Puts another mix in a cluster's place; its tangent stays until it is turned. */
  put(cluster: number, mix: Float32Array, tokens: number): void {
    this.#mixes[cluster].set(mix);
    this.#mass[cluster] = tokens;
  }

  /** Moves a mix by the tokens of one more request; those before count as `most` tokens at most, so that it drifts. */
  drift(cluster: number, signature: Float32Array, tokens: number, most: number): void {
    const mix = this.#mixes[cluster];
    const before = Math.min(this.#mass[cluster], most);
    const part = tokens / (before + tokens);
    for (let i = 0; i < mix.length; i++) mix[i] += part * (signature[i] - mix[i]);
    this.#mass[cluster] = before + tokens;
  }

  /** Sets the tangent of a mix, of which little may be known yet: `prior` tokens of `wider` are taken to be its own. */
  turn(cluster: number, wider: Float32Array, prior: number): void {
    const [mix, blend] = [this.#mixes[cluster], this.#blend];
    const part = prior / (this.#mass[cluster] + prior);
    for (let i = 0; i < mix.length; i++) blend[i] = mix[i] + part * (wider[i] - mix[i]);
    tangentAt(blend, this.#batch, this.#tangents[cluster]);
  }

  /** Writes `[count]`: the distinct experts that a step has for such a token in each cluster, by the tangents. */
  score(signature: Float32Array, out: Float64Array, at = 0): void {
    for (let c = 0; c < this.count; c++) {
      const { slope, offset } = this.#tangents[c];
      let value = offset;
      for (let i = 0; i < signature.length; i++) value += slope[i] * signature[i];
      out[at + c] = value;
    }
  }

  /** Writes `[count]`: how much more a step has in each cluster for a token that differs so from another. */
  lean(difference: Float32Array, out: Float64Array): void {
    const whole = difference.length - (difference.length % 4);
    for (let c = 0; c < this.count; c++) {
      const { slope } = this.#tangents[c];
      // Four sums: none waits for the one before it.
      let [a, b, d, e] = [0, 0, 0, 0];
      for (let i = 0; i < whole; i += 4) {
        a += slope[i] * difference[i];
        b += slope[i + 1] * difference[i + 1];
        d += slope[i + 2] * difference[i + 2];
        e += slope[i + 3] * difference[i + 3];
      }
      for (let i = whole; i < difference.length; i++) a += slope[i] * difference[i];
      out[c] = a + b + d + e;
    }
  }

  /** Begins to sum up the members of every cluster. */
  empty(): void {
    for (const sum of this.#sums) sum.fill(0);
    this.#mass.fill(0);
  }

  add(cluster: number, signature: Float32Array, tokens: number): void {
    const sum = this.#sums[cluster];
    for (let i = 0; i < sum.length; i++) sum[i] += tokens * signature[i];
    this.#mass[cluster] += tokens;
  }

  /**
   * Ends it: mixes, and their tangents, become those of their members; a cluster without members keeps its own. One
   * cluster at each `next`.
   */
  *settle(): Generator<"pause", void> {
    for (let c = 0; c < this.count; c++) {
      const [mix, sum, mass] = [this.#mixes[c], this.#sums[c], this.#mass[c]];
      if (mass === 0) continue;
      for (let i = 0; i < mix.length; i++) mix[i] = sum[i] / mass;
      tangentAt(mix, this.#batch, this.#tangents[c]);
      yield "pause";
    }
  }
}
