import type { LoadMessage } from "../messages/pool-message.ts";

/** Spans that are summed in parts agree as far as that. */
const SAME = 1.01;

/** Steps of the engine that counts were made in, where one report of the whole pool says both. */
export class CountedSteps {
  /** Of the last report; null before the first. */
  #last: { readonly name: string; readonly step: number } | null = null;
  #steps = 0;
  /** Of what was counted, and of that with its steps. */
  #countedMs = 0;
  #knownMs = 0;

  receive({ spanMs, engines, received, reported }: LoadMessage): void {
    this.#countedMs += spanMs;
    // What ranks count each for themselves is of no one's steps.
    if (received.length + reported.length > 0) this.#countedMs = Number.POSITIVE_INFINITY;
    for (const { name, step, windowMs } of engines) {
      const last = this.#last;
      this.#last = { name, step };
      if (last === null || last.name !== name || step <= last.step) continue;
      this.#steps += step - last.step;
      this.#knownMs += windowMs;
    }
  }

  /** A window is over. @returns null where the steps of any of it are not known */
  take(): number | null {
    const isKnown = this.#steps > 0 && this.#countedMs <= this.#knownMs * SAME;
    const steps = isKnown ? this.#steps : null;
    this.#steps = this.#countedMs = this.#knownMs = 0;
    return steps;
  }
}
