/** Sweeps over all pairs: few forecasts settle in a handful. */
const SWEEPS = 32;

/**
 * Weights ≥ 0 that sum to 1 and make the blend of several forecasts least wrong: they minimise wᵀ·G·w, where
 * `gram` G is the matrix of the products of the forecasts' past errors.
 * Method: from equal weights, which are also the answer to an empty history, weight is shifted between two
 * forecasts at a time, each time by as much as is best (sequential minimal optimisation).
 *
 * @param gram `[count][count]`, symmetric and positive semidefinite, row-major
 */
export function blendWeights(gram: Float64Array, count: number): Float64Array {
  const weights = new Float64Array(count).fill(1 / count);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    for (let a = 0; a < count; a++) {
      for (let b = 0; b < a; b++) {
        const curvature = gram[a * count + a] + gram[b * count + b] - 2 * gram[a * count + b];
        if (curvature <= 0) continue;
        let slope = 0;
        for (let i = 0; i < count; i++) slope += (gram[a * count + i] - gram[b * count + i]) * weights[i];
        const shift = Math.max(-weights[a], Math.min(weights[b], -slope / curvature));
        weights[a] += shift;
        weights[b] -= shift;
      }
    }
  }
  return weights;
}
