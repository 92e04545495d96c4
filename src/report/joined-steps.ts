import type { StepSpan } from "../twin/run/run-log.ts";

/** Steps that follow each other, as one. Times in ms. */
export interface JoinedSpan {
  readonly startMs: number;
  readonly endMs: number;
  /** Of these, the time in which a step ran. */
  readonly busyMs: number;
  readonly steps: number;
  /** Summed over its steps. */
  readonly prefillTokens: number;
  readonly decoding: number;
}

/**
 * The steps of one pool in a bounded number of spans, whatever the run's length: once there are too many, every two
 * neighbours are joined, and so are all steps from then on. Sums stay exact; only the borders between steps go.
 */
export class JoinedSteps {
  readonly #most: number;
  #spans: JoinedSpan[] = [];
  #open: JoinedSpan | null = null;
  /** Steps of a span; the last may have fewer. */
  #each = 1;

  /** @param most spans, even */
  constructor(most: number) {
    this.#most = most;
  }

  add({ startMs, ms, prefillTokens, decoding }: StepSpan): void {
    const span = { startMs, endMs: startMs + ms, busyMs: ms, steps: 1, prefillTokens, decoding };
    this.#open = this.#open === null ? span : joined(this.#open, span);
    if (this.#open.steps < this.#each) return;
    this.#spans.push(this.#open);
    this.#open = null;
    if (this.#spans.length < this.#most) return;
    this.#each *= 2;
    this.#spans = Array.from({ length: this.#most / 2 }, (_, i) =>
      joined(this.#spans[2 * i], this.#spans[2 * i + 1]),
    );
  }

  get stepsPerSpan(): number {
    return this.#each;
  }

  get spans(): readonly JoinedSpan[] {
    return this.#open === null ? this.#spans : [...this.#spans, this.#open];
  }
}

function joined(a: JoinedSpan, b: JoinedSpan): JoinedSpan {
  return {
    startMs: a.startMs,
    endMs: b.endMs,
    busyMs: a.busyMs + b.busyMs,
    steps: a.steps + b.steps,
    prefillTokens: a.prefillTokens + b.prefillTokens,
    decoding: a.decoding + b.decoding,
  };
}
