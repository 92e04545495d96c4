import { Sample } from "../lib/sample.ts";
import type { RequestRecord, RunEvent, RunObserver, StepSpan, WindowPoint } from "../twin/run/run-log.ts";
import { JoinedSteps } from "./joined-steps.ts";
import { LostCounter } from "./lost-requests.ts";
import { requestLine, requestTimes } from "./request-line.ts";
import { seriesRow } from "./series-row.ts";
import { type ServiceLevel, keeps } from "./service-level.ts";

/** Where lines go as a run writes them, so that its length costs no memory. */
export interface RunLines {
  request(line: string): void;
  series(line: string): void;
}

/** A way of balancing, as its run is labelled. */
export interface PolicyName {
  /** One word, in files. */
  readonly name: string;
  /** For a person. */
  readonly title: string;
}

export interface PolicyLogOptions {
  readonly level: ServiceLevel | null;
  /** Latencies and goodput are of requests that arrive from then on; 0 unless said. */
  readonly measuredFromMs?: number;
  /** Spans of steps kept per pool; 10,000 unless said. */
  readonly mostSpans?: number;
}

/** What is kept of one pool. */
export interface PoolLog {
  readonly steps: JoinedSteps;
  readonly windows: WindowPoint[];
}

/**
 * The log of one policy's run: every request and window becomes a line at once; kept are latencies, windows, events
 * and a bounded number of spans of steps.
 */
export class PolicyLog implements RunObserver {
  readonly policy: PolicyName;
  readonly ttftMs = new Sample();
  readonly tpotMs = new Sample();
  readonly e2eMs = new Sample();
  readonly lost = new LostCounter();
  readonly pools = new Map<string, PoolLog>();
  readonly events: RunEvent[] = [];
  readonly #lines: RunLines;
  readonly #options: PolicyLogOptions;
  completed = 0;
  /** Requests that count in latencies, and those of them that kept the level. */
  measured = 0;
  good = 0;

  constructor(policy: PolicyName, lines: RunLines, options: PolicyLogOptions) {
    this.policy = policy;
    this.#lines = lines;
    this.#options = options;
  }

  request(record: RequestRecord): void {
    this.#lines.request(requestLine(this.policy.name, record));
    if (record.outcome === "completed") this.completed++;
    else this.lost.add(record);
    if (record.arrivalMs < (this.#options.measuredFromMs ?? 0)) return;
    this.measured++;
    const times = requestTimes(record);
    if (times.ttftMs !== null) this.ttftMs.add(times.ttftMs);
    if (times.tpotMs !== null) this.tpotMs.add(times.tpotMs);
    if (times.e2eMs !== null) this.e2eMs.add(times.e2eMs);
    if (this.#options.level !== null && keeps(this.#options.level, times)) this.good++;
  }

  step(span: StepSpan): void {
    this.#pool(span.pool).steps.add(span);
  }

  window(point: WindowPoint): void {
    this.#lines.series(seriesRow(this.policy.name, point));
    this.#pool(point.pool).windows.push(point);
  }

  event(event: RunEvent): void {
    this.events.push(event);
  }

  #pool(name: string): PoolLog {
    let pool = this.pools.get(name);
    if (pool === undefined) {
      pool = { steps: new JoinedSteps(this.#options.mostSpans ?? 10_000), windows: [] };
      this.pools.set(name, pool);
    }
    return pool;
  }
}
