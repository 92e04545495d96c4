import { type RequestRecord, tpotMs } from "../request-record.ts";
import { Distribution, type DistributionSummary } from "./distribution.ts";

/** The requests of one shard, tenant or epoch. */
export interface PartSummary {
  readonly completed: number;
  readonly failed: number;
  readonly outputTokens: number;
  readonly ttftMs: DistributionSummary | null;
  readonly tpotMs: DistributionSummary | null;
}

/** Further keys are counted together. */
const MOST_PARTS = 512;
const REST = "others";

interface Part {
  completed: number;
  failed: number;
  outputTokens: number;
  readonly ttft: Distribution;
  readonly tpot: Distribution;
}

/** Requests by a key of theirs. */
export class Breakdown {
  readonly #keyOf: (record: RequestRecord) => string | number | null | undefined;
  readonly #parts = new Map<string, Part>();

  /** @param keyOf null or undefined for requests that have none */
  constructor(keyOf: (record: RequestRecord) => string | number | null | undefined) {
    this.#keyOf = keyOf;
  }

  /** @param failed else it is complete */
  add(record: RequestRecord, failed: boolean): void {
    const key = this.#keyOf(record);
    if (key === null || key === undefined) return;
    const part = this.#part(`${key}`);
    if (failed) {
      part.failed++;
      return;
    }
    part.completed++;
    part.outputTokens += record.outputTokens;
    const tpot = tpotMs(record);
    if (record.ttftMs !== null) part.ttft.record(record.ttftMs);
    if (tpot !== null) part.tpot.record(tpot);
  }

  /** In the order in which they first came. */
  summary(): Readonly<Record<string, PartSummary>> {
    const entries = [...this.#parts].map(([key, { completed, failed, outputTokens, ttft, tpot }]) => {
      const part = { completed, failed, outputTokens, ttftMs: ttft.summary(), tpotMs: tpot.summary() };
      return [key, part] as const;
    });
    return Object.fromEntries(entries);
  }

  #part(key: string): Part {
    const known = this.#parts.get(key);
    if (known !== undefined) return known;
    if (this.#parts.size >= MOST_PARTS && key !== REST) return this.#part(REST);
    const part = {
      completed: 0,
      failed: 0,
      outputTokens: 0,
      ttft: new Distribution(),
      tpot: new Distribution(),
    };
    this.#parts.set(key, part);
    return part;
  }
}
