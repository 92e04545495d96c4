import type { ReplaySummary } from "../../replay/measures/measures.ts";
import type { ReplayReport } from "../../replay/report/report.ts";
import type { CheckedThreshold } from "../../replay/report/thresholds.ts";
import type { RequestRecord } from "../../replay/request-record.ts";

/** What goes on beside a load while it is played: things that happen to the server, parts that are measured by themselves. */
export interface RunBeside {
  /**
   * The load is about to be played.
   * @param nowMs of the load's clock, milliseconds since it began; null before
   * @param say   says a line to the person
   * @param signal the person has asked to stop
   * @returns the way to end what goes on; resolves when it has
   */
  begin(nowMs: () => number | null, say: (line: string) => void, signal: AbortSignal): () => Promise<void>;
  record(record: RequestRecord): void;
  /** What did not go as it was to, one line each. */
  readonly faults: readonly string[];
  /** What the report has of it. */
  keys(): ReplayReport;
  /** @param reportOf a part of the run as a report of its own */
  check(reportOf: (part: ReplaySummary) => ReplayReport): readonly CheckedThreshold[];
}
