/**
 * A seeded pseudo-random generator: sfc32 (Chris Doty-Humphrey, PractRand), seeded through splitmix32.
 * The same seed gives the same sequence on every machine.
 */
export class Rng {
  #a: number;
  #b: number;
  #c: number;
  #d: number;
  #spareNormal = Number.NaN;

  /** @param seed any finite numbers; each is folded into the state, so `new Rng(seed, stream)` are independent */
  constructor(...seed: readonly number[]) {
    let h = 0x9e3779b9;
    for (const part of seed) h = mix(h ^ mix(Math.floor(part / 0x1_0000_0000) | 0) ^ (part | 0));
    this.#a = h = mix(h);
    this.#b = h = mix(h);
    this.#c = h = mix(h);
    this.#d = 1;
    for (let i = 0; i < 12; i++) this.uint32();
  }

  /** A uniform integer in [0, 2³²). */
  uint32(): number {
    const t = (((this.#a + this.#b) | 0) + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#c = (this.#c + t) | 0;
    return t >>> 0;
  }

  /** A uniform number in [0, 1). */
  uniform(): number {
    return this.uint32() / 0x1_0000_0000;
  }

  /** A uniform integer in [0, n). */
  below(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  /** A standard normal deviate (Marsaglia's polar method). */
  normal(): number {
    if (!Number.isNaN(this.#spareNormal)) {
      const spare = this.#spareNormal;
      this.#spareNormal = Number.NaN;
      return spare;
    }
    for (;;) {
      const u = 2 * this.uniform() - 1;
      const v = 2 * this.uniform() - 1;
      const s = u * u + v * v;
      if (s === 0 || s >= 1) continue;
      const scale = Math.sqrt((-2 * Math.log(s)) / s);
      this.#spareNormal = v * scale;
      return u * scale;
    }
  }

  /** An exponential deviate of the given mean. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.uniform());
  }
}

/** One round of splitmix32's finaliser: a bijection on 32-bit integers. */
function mix(x: number): number {
  let z = (x + 0x9e3779b9) | 0;
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return z ^ (z >>> 15);
}
