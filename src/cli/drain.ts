const SAY_EVERY_MS = 2000;

/** Runs to the end what yields the part done, 0..1; says it now and then, as a percentage. */
export function drain<T>(steps: Generator<number, T>, say: (percent: string) => void): T {
  let saidAt = performance.now();
  for (;;) {
    const next = steps.next();
    if (next.done === true) return next.value;
    if (performance.now() - saidAt < SAY_EVERY_MS) continue;
    saidAt = performance.now();
    say(`${Math.round(next.value * 100)} %`);
  }
}
