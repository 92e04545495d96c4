import { setImmediate } from "node:timers/promises";

const REST_EVERY_MS = 50;

/**
 * Runs to the end what yields the part done, 0..1, and lets the process hear signals meanwhile.
 * @throws the signal's reason once it is aborted
 */
export async function paced<T>(
  steps: Generator<number, T>,
  say: (part: number) => void,
  signal: AbortSignal,
): Promise<T> {
  let restedAt = performance.now();
  for (;;) {
    const next = steps.next();
    if (next.done === true) return next.value;
    if (performance.now() - restedAt < REST_EVERY_MS) continue;
    say(next.value);
    await setImmediate();
    signal.throwIfAborted();
    restedAt = performance.now();
  }
}
