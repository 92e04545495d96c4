import { type RequestRecord, sentLateMs, tpotMs } from "../request-record.ts";
import { Distribution, type DistributionSummary } from "./distribution.ts";

/** Milliseconds, of completed requests; null where nothing was measured. */
export interface LatencySummary {
  /** From the scheduled start. */
  readonly ttftMs: DistributionSummary | null;
  readonly tpotMs: DistributionSummary | null;
  readonly itlMs: DistributionSummary | null;
  readonly e2eMs: DistributionSummary | null;
  /** From the moment in which the request was handed to its socket. */
  readonly sentTtftMs: DistributionSummary | null;
  readonly sentE2eMs: DistributionSummary | null;
  /** Tokens per second that a user sees after the first token: 1000 / TPOT. */
  readonly userTokensPerSecond: DistributionSummary | null;
}

export class Latencies {
  readonly #ttft = new Distribution();
  readonly #tpot = new Distribution();
  readonly #itl = new Distribution();
  readonly #e2e = new Distribution();
  readonly #sentTtft = new Distribution();
  readonly #sentE2e = new Distribution();
  readonly #userRate = new Distribution();

  add(record: RequestRecord): void {
    const { ttftMs, e2eMs, itlMs } = record;
    const late = sentLateMs(record) ?? 0;
    this.#e2e.record(e2eMs);
    this.#sentE2e.record(e2eMs - late);
    for (const gap of itlMs) this.#itl.record(gap);
    if (ttftMs === null) return;
    this.#ttft.record(ttftMs);
    this.#sentTtft.record(ttftMs - late);
    const tpot = tpotMs(record);
    if (tpot === null) return;
    this.#tpot.record(tpot);
    if (tpot > 0) this.#userRate.record(1000 / tpot);
  }

  summary(): LatencySummary {
    return {
      ttftMs: this.#ttft.summary(),
      tpotMs: this.#tpot.summary(),
      itlMs: this.#itl.summary(),
      e2eMs: this.#e2e.summary(),
      sentTtftMs: this.#sentTtft.summary(),
      sentE2eMs: this.#sentE2e.summary(),
      userTokensPerSecond: this.#userRate.summary(),
    };
  }
}
