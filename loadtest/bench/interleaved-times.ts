export interface Times {
  readonly medianMs: number;
  readonly leastMs: number;
}

/**
 * Times several ways of doing something, turn about, so that a machine that slows down slows all of them.
 * @param ways run with the number of the round; the first `warmUp` rounds do not count
 */
export function interleavedTimes<Name extends string>(
  ways: Readonly<Record<Name, (round: number) => void>>,
  warmUp: number,
  rounds: number,
): Record<Name, Times> {
  const entries = Object.entries(ways) as [Name, (round: number) => void][];
  const times = entries.map(() => new Float64Array(rounds));
  for (let round = -warmUp; round < rounds; round++) {
    for (const [i, [, run]] of entries.entries()) {
      const from = performance.now();
      run(round + warmUp);
      if (round >= 0) times[i][round] = performance.now() - from;
    }
  }
  const named = entries.map(([name], i) => {
    const sorted = times[i].toSorted();
    return [name, { medianMs: sorted[rounds >> 1], leastMs: sorted[0] }];
  });
  return Object.fromEntries(named) as Record<Name, Times>;
}
