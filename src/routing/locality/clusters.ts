import { type Tangent, expectedDistinct, tangentAt } from "./expected-distinct.ts";

/** The mixes of several groups of requests, each with the tangent by which requests are assigned to it. */
export class Clusters {
  readonly count: number;
  readonly batch: number;
  readonly #mixes: readonly Float32Array[];
  readonly #tangents: readonly Tangent[];
  /** `[count]`: tokens behind each mix. */
  readonly mass: Float64Array;
  readonly #sums: readonly Float64Array[];

  constructor(count: number, width: number, batch: number) {
    this.count = count;
    this.batch = batch;
    this.#mixes = Array.from({ length: count }, () => new Float32Array(width));
    this.#tangents = this.#mixes.map(() => ({ slope: new Float32Array(width), offset: 0 }));
    this.#sums = this.#mixes.map(() => new Float64Array(width));
    this.mass = new Float64Array(count);
  }

  mix(cluster: number): Float32Array {
    return this.#mixes[cluster];
  }

  /** Takes over another's mixes, in another order: cluster c of it becomes cluster `as[c]` here. */
  take(other: Clusters, as: Int32Array): void {
    for (let c = 0; c < this.count; c++) {
      this.#mixes[as[c]].set(other.#mixes[c]);
      this.mass[as[c]] = other.mass[c];
      this.turn(as[c]);
    }
  }

  /** Makes a mix a single signature. */
  seed(cluster: number, signature: Float32Array, tokens: number): void {
    this.#mixes[cluster].set(signature);
    this.mass[cluster] = tokens;
  }

  /** Moves a mix by the tokens of one more request; those before count as `most` tokens at most, so that it drifts. */
  drift(cluster: number, signature: Float32Array, tokens: number, most: number): void {
    const mix = this.#mixes[cluster];
    const before = Math.min(this.mass[cluster], most);
    const part = tokens / (before + tokens);
    for (let i = 0; i < mix.length; i++) mix[i] += part * (signature[i] - mix[i]);
    this.mass[cluster] = before + tokens;
  }

  /** Sets the tangent of a mix of which little is known yet: `prior` tokens of `wider` are among its own. */
  turn(cluster: number, wider: Float32Array | null = null, prior = 0): void {
    const mix = this.#mixes[cluster];
    const tangent = this.#tangents[cluster];
    if (wider === null) {
      tangentAt(mix, this.batch, tangent);
      return;
    }
    const part = prior / (this.mass[cluster] + prior);
    // The slope is written over once it is read.
    const { slope } = tangent;
    for (let i = 0; i < mix.length; i++) slope[i] = mix[i] + part * (wider[i] - mix[i]);
    tangentAt(slope, this.batch, tangent);
  }

  /** Writes `[count]`: distinct experts that a token's step reads with it in each cluster, by the tangents. */
  score(signature: Float32Array, out: Float64Array, at = 0): void {
    for (let c = 0; c < this.count; c++) {
      const { slope, offset } = this.#tangents[c];
      let value = offset;
      for (let i = 0; i < signature.length; i++) value += slope[i] * signature[i];
      out[at + c] = value;
    }
  }

  /** Begins to sum up the members of every cluster. */
  empty(): void {
    for (const sum of this.#sums) sum.fill(0);
    this.mass.fill(0);
  }

  add(cluster: number, signature: Float32Array, tokens: number): void {
    const sum = this.#sums[cluster];
    for (let i = 0; i < sum.length; i++) sum[i] += tokens * signature[i];
    this.mass[cluster] += tokens;
  }

  /** Ends it: mixes become their members' means; one without members stays. @returns expected distinct experts, mean over tokens */
  settle(): number {
    let value = 0;
    let tokens = 0;
    for (let c = 0; c < this.count; c++) {
      const [mix, sum, mass] = [this.#mixes[c], this.#sums[c], this.mass[c]];
      if (mass === 0) continue;
      for (let i = 0; i < mix.length; i++) mix[i] = sum[i] / mass;
      value += mass * expectedDistinct(mix, this.batch);
      tokens += mass;
    }
    return value / tokens;
  }
}
