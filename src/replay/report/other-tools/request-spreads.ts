import { figuresTpotMs, type RequestFigures } from "../request-figures.ts";
import { Spread } from "./spread.ts";

/** Distributions of completed requests that a report has none of, for the files of other tools. */
export class RequestSpreads {
  readonly input = Spread.ofCounts();
  readonly output = Spread.ofCounts();
  readonly ttft = Spread.ofMs();
  readonly tpot = Spread.ofMs();
  readonly itl = Spread.ofMs();
  readonly e2e = Spread.ofMs();
  /** End to end, for each output token, the first included. */
  readonly perToken = Spread.ofMs();
  #began = Number.POSITIVE_INFINITY;
  #ended = 0;
  #firstId: string | null = null;

  add(figures: RequestFigures): void {
    const { beganAt, sentMs, endedMs, error, outputTokens, ttftMs, e2eMs } = figures;
    if (figures.warmUp) return;
    this.#firstId ??= figures.requestId;
    if (sentMs !== null) this.#began = Math.min(this.#began, beganAt + sentMs);
    this.#ended = Math.max(this.#ended, beganAt + endedMs);
    if (error !== null) return;
    this.input.add(figures.inputTokens);
    this.output.add(outputTokens);
    this.e2e.add(e2eMs);
    for (const gap of figures.itlMs) this.itl.add(gap);
    if (ttftMs !== null) this.ttft.add(ttftMs);
    const tpot = figuresTpotMs(figures);
    if (tpot !== null) this.tpot.add(tpot);
    if (outputTokens > 0) this.perToken.add(e2eMs / outputTokens);
  }

  /** The first send and the last end by the wall clock, milliseconds since 1970; null where nothing was sent. */
  get span(): readonly [beganAt: number, endedAt: number] | null {
    return Number.isFinite(this.#began) ? [this.#began, this.#ended] : null;
  }

  /** What all request ids of the run begin with; null where there was no request. */
  get run(): string | null {
    return this.#firstId === null ? null : this.#firstId.replace(/-\d+$/, "");
  }
}
