const STEPS = [1, 2, 2.5, 5, 10];

/** Round values from one at most `least` to one at least `most`, evenly apart, some four of them. */
export function axisTicks(least: number, most: number, intervals = 4): number[] {
  const span = Math.max(most - least, Number.EPSILON);
  const power = 10 ** Math.floor(Math.log10(span / intervals));
  const step = power * (STEPS.find((one) => one * power >= span / intervals) ?? 10);
  const first = Math.floor(least / step + 1e-9);
  const last = Math.ceil(most / step - 1e-9);
  return Array.from({ length: Math.max(1, last - first) + 1 }, (_, i) =>
    Number(((first + i) * step).toPrecision(12)),
  );
}
