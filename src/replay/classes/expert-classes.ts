import { Rng } from "../../lib/rng.ts";
import type { RoutingTrace } from "../../model/routing-trace.ts";
import { expertSignature, SIGNATURE, toLengthOne } from "./expert-signature.ts";

/** Requests that classes are learned from, at most: every second one goes when there are more. */
const MOST_SAMPLES = 1024;
const ROUNDS = 20;

/** Some of many requests, evenly spread over them, whatever their number. */
export class SignatureSample {
  #kept: Float32Array[] = [];
  #stride = 1;
  #seen = 0;

  add(routing: RoutingTrace): void {
    if (this.#seen++ % this.#stride !== 0) return;
    const signature = expertSignature(routing);
    if (signature === null) return;
    if (this.#kept.length === MOST_SAMPLES) {
      this.#kept = this.#kept.filter((_, i) => i % 2 === 0);
      this.#stride *= 2;
    }
    this.#kept.push(signature);
  }

  get signatures(): readonly Float32Array[] {
    return this.#kept;
  }
}

/**
 * Classes of requests that use the same experts: k-means over what each uses more than all do, seeded as k-means++. The
 * same sample and seed give the same classes, the largest first.
 */
export class ExpertClasses {
  /** What all use. */
  readonly #mean: Float32Array;
  readonly #centers: readonly Float32Array[];

  /** @param count classes at most, ≥ 1; fewer where there are fewer requests */
  constructor(sample: readonly Float32Array[], count: number, seed: number) {
    this.#mean = meanOf(sample);
    const beside = sample.map((signature) => this.#beside(signature));
    let centers = firstCenters(beside, count, new Rng(seed));
    let sizes: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const own = beside.map((vector) => nearest(vector, centers));
      sizes = centers.map((_, i) => own.filter((center) => center === i).length);
      centers = centers.map((center, i) => {
        const moved = meanOf(beside.filter((_, row) => own[row] === i));
        return toLengthOne(moved) ? moved : center;
      });
    }
    const order = centers.map((_, i) => i).filter((i) => sizes[i] > 0);
    this.#centers = order.sort((a, b) => sizes[b] - sizes[a] || a - b).map((i) => centers[i]);
  }

  get count(): number {
    return this.#centers.length;
  }

  /** Of a request, from 1; null where its tokens went to no experts, or there are no classes. */
  of(routing: RoutingTrace): number | null {
    const signature = expertSignature(routing);
    if (signature === null || this.#centers.length === 0) return null;
    return nearest(this.#beside(signature), this.#centers) + 1;
  }

  #beside(signature: Float32Array): Float32Array {
    const beside = signature.map((value, i) => value - this.#mean[i]);
    toLengthOne(beside);
    return beside;
  }
}

/** Each next one as likely as it is far from those before. */
function firstCenters(vectors: readonly Float32Array[], count: number, rng: Rng): Float32Array[] {
  if (vectors.length === 0) return [];
  const centers = [vectors[rng.below(vectors.length)]];
  const far = vectors.map((vector) => distance(vector, centers[0]));
  while (centers.length < count) {
    const all = far.reduce((sum, one) => sum + one, 0);
    if (!(all > 0)) break;
    let left = rng.uniform() * all;
    const place = far.findIndex((one) => (left -= one) < 0);
    const center = vectors[place < 0 ? vectors.length - 1 : place];
    centers.push(center);
    for (const [i, vector] of vectors.entries()) far[i] = Math.min(far[i], distance(vector, center));
  }
  return centers;
}

function nearest(vector: Float32Array, centers: readonly Float32Array[]): number {
  let [best, closest] = [0, Number.POSITIVE_INFINITY];
  for (const [i, center] of centers.entries()) {
    const away = distance(vector, center);
    if (away < closest) [best, closest] = [i, away];
  }
  return best;
}

/** The square of it, of vectors of length 1 or 0: what rounding leaves between equal ones is none. */
function distance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) ** 2;
  return sum < 1e-9 ? 0 : sum;
}

function meanOf(vectors: readonly Float32Array[]): Float32Array {
  const mean = new Float32Array(SIGNATURE);
  for (const vector of vectors) for (let i = 0; i < SIGNATURE; i++) mean[i] += vector[i] / vectors.length;
  return mean;
}
