import type { Worker } from "node:cluster";
import type { Config } from "../config/config.ts";
import { NOTHING_CAPTURED } from "../serving/capture/capture-counts.ts";
import type { AdmissionUsage } from "../serving/admission/usage.ts";
import type { Moved } from "../serving/locality/moved.ts";
import type { ModelLocality } from "../serving/locality/model-locality.ts";
import { type ShardCounts, sumUsage } from "../serving/sharing/shared-counts.ts";
import type { ProcessTraffic } from "../serving/traffic/traffic-meter.ts";
import type { PoolOutcome, PrimaryMessage, ProcessUse, WorkerMessage } from "./messages.ts";

const NOTHING: AdmissionUsage = { inFlight: 0, requests: 0, tokens: 0, tenants: [] };

/** A process that serves behind the gateway's port, as the primary knows it. */
export class LocalWorker {
  readonly child: Worker;
  readonly startedMs: number;
  /** What it has in flight. */
  counts: ReadonlyMap<string, ShardCounts> = new Map();
  /** Its last report; null at first. */
  traffic: ProcessTraffic | null = null;
  /** What it has recorded. */
  captured = NOTHING_CAPTURED;
  /** As it has reported last. */
  use: ProcessUse = { cpuSeconds: 0, residentBytes: 0 };
  /** The epoch it has of each pool. */
  readonly epochs = new Map<string, number>();
  /** Reloads that it was sent and has not answered. */
  readonly #reloads: ((done: boolean) => void)[] = [];
  /** Requests behind the groups it has of each model. */
  readonly #groups = new Map<string, { readonly locality: ModelLocality; readonly requests: number }>();
  /** What its requests would hold more by experts. */
  moved: Moved = new Map();
  /** How its requests went since the last `settle`. */
  outcomes: readonly PoolOutcome[] = [];
  #usage = NOTHING;

  constructor(child: Worker, nowMs: number) {
    this.child = child;
    this.startedMs = nowMs;
  }

  /** What it has inside now, and has begun since the last `settle`. */
  get usage(): AdmissionUsage {
    return this.#usage;
  }

  received({ shared, traffic, captured }: Extract<WorkerMessage, { kind: "shared" }>): void {
    this.counts = shared.shards;
    this.moved = shared.moved;
    this.traffic = traffic;
    this.captured = captured;
    this.outcomes = [...this.outcomes, ...shared.outcomes];
    this.#usage = sumUsage([begunOf(this.#usage), shared.admission]);
  }

  /** What it has begun was sent to the others. */
  settle(): void {
    this.outcomes = [];
    const tenants = this.#usage.tenants.map((usage) => ({ ...usage, requests: 0, tokens: 0 }));
    this.#usage = { ...this.#usage, requests: 0, tokens: 0, tenants };
  }

  /** Resolves with whether it could, once it has; and with true when it is gone: another begins by the new one. */
  reload(config: Config): Promise<boolean> {
    if (!this.child.isConnected()) return Promise.resolve(true);
    return new Promise((resolve) => {
      this.#reloads.push(resolve);
      this.send({ kind: "reload", config });
    });
  }

  reloaded(done: boolean): void {
    // Its new pools have no epoch yet.
    this.epochs.clear();
    this.#groups.clear();
    this.#reloads.shift()?.(done);
  }

  /** Sends it the groups of a model where it has others. */
  sendGroups(locality: ModelLocality): void {
    const { model, learning } = locality;
    const { requests } = learning;
    const has = this.#groups.get(model);
    if (has?.locality === locality && has.requests === requests) return;
    this.#groups.set(model, { locality, requests });
    this.send({ kind: "groups", model, groups: locality.groups });
  }

  gone(): void {
    for (const resolve of this.#reloads.splice(0)) resolve(true);
  }

  send(message: PrimaryMessage): void {
    // Nothing is sent to one that is gone.
    if (this.child.isConnected()) this.child.send(message, undefined, {}, () => {});
  }
}

function begunOf(usage: AdmissionUsage): AdmissionUsage {
  const begun = usage.tenants.filter(({ requests, tokens }) => requests > 0 || tokens > 0);
  return { ...usage, inFlight: 0, tenants: begun.map((one) => ({ ...one, inside: 0 })) };
}
