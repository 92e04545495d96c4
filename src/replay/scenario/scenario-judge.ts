import type { RequestSelection, ScenarioThreshold } from "../../model/load-scenario.ts";
import type { GoodputTargets } from "../measures/goodput.ts";
import type { ReplaySummary } from "../measures/measures.ts";
import type { ReplayReport } from "../report/report.ts";
import {
  type CheckedThreshold,
  checkedThreshold,
  figureOf,
  readThreshold,
  type Threshold,
} from "../report/thresholds.ts";
import type { RequestRecord } from "../request-record.ts";
import { type PoolSample, poolFigures } from "./pool-samples.ts";
import { SelectedMeasures } from "./selected-measures.ts";

interface Judged {
  readonly threshold: Threshold;
  readonly of: SelectedMeasures;
  readonly against: SelectedMeasures | null;
}

/** Holds a run to a scenario's thresholds, each about a part of its requests. */
export class ScenarioJudge {
  readonly #judged: readonly Judged[];
  readonly #measures: readonly SelectedMeasures[];

  /**
   * @param empty a report of a run of nothing
   * @throws InputError where a threshold names no figure
   */
  constructor(thresholds: readonly ScenarioThreshold[], empty: ReplayReport, goodput: GoodputTargets | null) {
    const bySelection = new Map<string, SelectedMeasures>();
    const measuresOf = (of: RequestSelection): SelectedMeasures => {
      const key = JSON.stringify(of);
      const measures = bySelection.get(key) ?? new SelectedMeasures(of, goodput);
      bySelection.set(key, measures);
      return measures;
    };
    const known = { ...empty, share: null, pool: poolFigures([], 0, 0) };
    this.#judged = thresholds.map(({ that, of, against, place }) => ({
      threshold: { ...readThreshold(that, known, place), text: thresholdText(that, of, against) },
      of: measuresOf(of),
      against: against === null ? null : measuresOf(against),
    }));
    this.#measures = [...bySelection.values()];
  }

  /** Whether any threshold is about the pool itself. */
  get asksOfPool(): boolean {
    return this.#judged.some(({ threshold }) => threshold.key.startsWith("pool."));
  }

  add(record: RequestRecord): void {
    if (record.warmUp) return;
    for (const measures of this.#measures) measures.add(record);
  }

  /** @param reportOf a part of the run as a report of its own */
  check(reportOf: (part: ReplaySummary) => ReplayReport, samples: readonly PoolSample[]): CheckedThreshold[] {
    const figureIn = (threshold: Threshold, measures: SelectedMeasures): number | null => {
      const { fromMs, toMs } = measures.of;
      const pool = poolFigures(samples, fromMs, toMs);
      return figureOf(threshold, { ...reportOf(measures.summary()), share: measures.share, pool });
    };
    return this.#judged.map(({ threshold, of, against }) => {
      const value = figureIn(threshold, of);
      if (against === null) return checkedThreshold(threshold, value);
      const base = figureIn(threshold, against);
      return checkedThreshold(threshold, value === null || base === null || base === 0 ? null : value / base);
    });
  }
}

function thresholdText(that: string, of: RequestSelection, against: RequestSelection | null): string {
  const ratio = against === null ? "" : `, in parts of that ${selectionText(against)}`;
  return `${that} ${selectionText(of)}${ratio}`;
}

/** In a few words: `from 10 s to 30 s, tenant search`. */
function selectionText({ fromMs, toMs, tenant, stream, shard }: RequestSelection): string {
  return [
    `from ${fromMs / 1000} s to ${toMs / 1000} s`,
    ...(tenant === null ? [] : [`tenant ${tenant}`]),
    ...(stream === null ? [] : [`stream ${stream}`]),
    ...(shard === null ? [] : [`shard ${shard}`]),
  ].join(", ");
}
