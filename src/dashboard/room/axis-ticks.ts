const STEPS = [1, 2, 2.5, 5, 10];
const INTERVALS = 4;

/** Round values from one at most `least` to one at least `most`, evenly apart, some four intervals. */
export function axisTicks(least: number, most: number): number[] {
  const span = Math.max(most - least, Number.EPSILON);
  const power = 10 ** Math.floor(Math.log10(span / INTERVALS));
  const step = power * (STEPS.find((one) => one * power >= span / INTERVALS) ?? 10);
  const first = Math.floor(least / step + 1e-9);
  const last = Math.ceil(most / step - 1e-9);
  return Array.from({ length: Math.max(1, last - first) + 1 }, (_, i) =>
    Number(((first + i) * step).toPrecision(12)),
  );
}
