import type { RequestSelection } from "../../model/load-scenario.ts";
import type { GoodputTargets } from "../measures/goodput.ts";
import { Measures, type ReplaySummary } from "../measures/measures.ts";
import type { RequestRecord } from "../request-record.ts";

/** The measures of a part of a run's requests. */
export class SelectedMeasures {
  readonly of: RequestSelection;
  readonly #measures: Measures;
  #completed = 0;
  /** Of all requests of its time, whoever's they are. */
  #completedThen = 0;

  constructor(of: RequestSelection, goodput: GoodputTargets | null) {
    this.of = of;
    this.#measures = new Measures(goodput);
  }

  add(record: RequestRecord): void {
    const { scheduledMs, failure, request } = record;
    const { fromMs, toMs, tenant, stream, shard } = this.of;
    if (scheduledMs < fromMs || scheduledMs >= toMs) return;
    if (failure === null) this.#completedThen++;
    if (tenant !== null && request.tenant !== tenant) return;
    if (stream !== null && request.trafficClass !== stream) return;
    if (shard !== null && record.shard !== shard) return;
    if (failure === null) this.#completed++;
    this.#measures.take(record);
  }

  /** The part of the completed requests of its time that it has; null where none completed. */
  get share(): number | null {
    return this.#completedThen === 0 ? null : this.#completed / this.#completedThen;
  }

  /** Its duration is that of the selection. */
  summary(): ReplaySummary {
    return this.#measures.summary(this.of.toMs - this.of.fromMs);
  }
}
