import type { Worker } from "node:cluster";
import type { AdmissionUsage } from "../serving/admission/usage.ts";
import { type ShardCounts, sumUsage } from "../serving/sharing/shared-counts.ts";
import type { TrafficTelling } from "../serving/traffic/traffic-meter.ts";
import type { PoolOutcome, PrimaryMessage, WorkerMessage } from "./messages.ts";

const NOTHING: AdmissionUsage = { inFlight: 0, requests: 0, tokens: 0, tenants: [] };

/** What the primary knows of one worker. */
export class Colleague {
  readonly worker: Worker;
  readonly bornMs: number;
  /** What it has in flight. */
  counts: ReadonlyMap<string, ShardCounts> = new Map();
  /** What it told last; null at first. */
  traffic: TrafficTelling | null = null;
  /** The epoch it has of each pool. */
  readonly epochs = new Map<string, number>();
  /** How its requests went since the last `settle`. */
  outcomes: readonly PoolOutcome[] = [];
  #usage = NOTHING;

  constructor(worker: Worker, nowMs: number) {
    this.worker = worker;
    this.bornMs = nowMs;
  }

  /** What it has inside now, and has begun since the last `settle`. */
  get usage(): AdmissionUsage {
    return this.#usage;
  }

  heard({ shared, traffic }: Extract<WorkerMessage, { kind: "shared" }>): void {
    this.counts = shared.shards;
    this.traffic = traffic;
    this.outcomes = [...this.outcomes, ...shared.outcomes];
    this.#usage = sumUsage([begunOf(this.#usage), shared.admission]);
  }

  /** What it has begun has been told to the others. */
  settle(): void {
    this.outcomes = [];
    const tenants = this.#usage.tenants.map((usage) => ({ ...usage, requests: 0, tokens: 0 }));
    this.#usage = { ...this.#usage, requests: 0, tokens: 0, tenants };
  }

  tell(message: PrimaryMessage): void {
    // One that is gone is told nothing more.
    if (this.worker.isConnected()) this.worker.send(message, undefined, {}, () => {});
  }
}

function begunOf(usage: AdmissionUsage): AdmissionUsage {
  const begun = usage.tenants.filter(({ requests, tokens }) => requests > 0 || tokens > 0);
  return { ...usage, inFlight: 0, tenants: begun.map((one) => ({ ...one, inside: 0 })) };
}
