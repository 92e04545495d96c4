/**
 * Seconds that a shell's children have computed, as its `times` says: a line for itself and one for them, each the time
 * in user and in kernel mode (`1m2.34s 0m0.56s`).
 * @throws Error where that is not what it said
 */
export function childrenSeconds(said: string): number {
  const times = [...said.matchAll(/(\d+)m([\d.]+)s/g)].map(
    ([, minutes, seconds]) => 60 * Number(minutes) + Number(seconds),
  );
  if (times.length !== 4) throw new Error(`expected four times of the shell, found ${JSON.stringify(said)}`);
  return times[2] + times[3];
}
