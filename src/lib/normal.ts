/** The part of standard normal variates that is below: Abramowitz and Stegun 7.1.26, within 1.5e-7. */
export function normalPart(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + 0.327_591_1 * x);
  const series =
    t *
    (0.254_829_592 + t * (-0.284_496_736 + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
  const above = (series * Math.exp(-x * x)) / 2;
  return z < 0 ? above : 1 - above;
}

/** What a part of standard normal variates is below. @param part above 0, below 1 */
export function normalQuantile(part: number): number {
  let [low, high] = [-8, 8];
  for (let i = 0; i < 40; i++) {
    const middle = (low + high) / 2;
    if (normalPart(middle) < part) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
