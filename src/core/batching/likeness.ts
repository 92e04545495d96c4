import { dot } from "../../lib/vectors.ts";
/** Rounds of power iteration: the order along the axis is settled long before its direction is exact. */
const ROUNDS = 8;

/**
 * Where each prediction lies on the axis along which they differ most (the first principal component, by power
 * iteration): those that use the same experts lie together.
 */
export function likenessOf(predictions: readonly Float64Array[]): Float64Array {
  const at = new Float64Array(predictions.length);
  if (predictions.length === 0) return at;
  const width = predictions[0].length;
  const mean = new Float64Array(width);
  for (const prediction of predictions) {
    for (let i = 0; i < width; i++) mean[i] += prediction[i] / predictions.length;
  }
  // Any start will do that is not at a right angle to the axis: the prediction farthest from the mean.
  let axis = mean;
  let farthest = -1;
  for (const prediction of predictions) {
    const away = prediction.map((value, i) => value - mean[i]);
    const distance = dot(away, away);
    if (distance > farthest) [farthest, axis] = [distance, away];
  }
  for (let round = 0; round < ROUNDS; round++) {
    const length = Math.sqrt(dot(axis, axis));
    if (length === 0) return at;
    const unit = axis.map((value) => value / length);
    const middle = dot(mean, unit);
    axis = new Float64Array(width);
    for (const [kind, prediction] of predictions.entries()) {
      const place = dot(prediction, unit) - middle;
      at[kind] = place;
      for (let i = 0; i < width; i++) axis[i] += place * (prediction[i] - mean[i]);
    }
  }
  return at;
}
