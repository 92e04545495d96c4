import type { DecisionRecord } from "../../model/decision-record.ts";
import { type PoolChanges, NO_CHANGES } from "../../model/placement-change.ts";
import type { EpochReport, PoolReport } from "../../model/pool-report.ts";
import type { PoolExchange } from "../../model/pool-exchange.ts";
import type { RoutingSnapshot } from "../../model/snapshot.ts";
import type { WatchedEngine } from "../../model/watched-engine.ts";
import { decodeSnapshot } from "../../model/snapshot-bytes.ts";
import { Unreadable } from "../../lib/shape.ts";
import { type Leader, decodeLeader } from "../messages/leader.ts";
import { type OperatorState, NEW_OPERATOR_STATE, decodeOperatorState } from "../messages/operator-state.ts";
import { type PoolKind, type PoolReading, poolReading } from "../messages/pool-reading.ts";
import { type RolloutRecord, NO_ROLLOUT, decodeRollout } from "../messages/rollout-record.ts";
import { decodeChanges } from "../messages/stored-changes.ts";
import { decodeDecisions } from "../messages/stored-decisions.ts";
import { decodeHistory } from "../messages/stored-history.ts";
import { decodeEngine } from "../messages/stored-engine.ts";
import { decodeExchange } from "../messages/stored-exchange.ts";
import { decodeReport } from "../messages/stored-report.ts";
import { NO_HISTORY, type PoolHistory } from "../history/pool-history.ts";
import type { PoolFollower, PoolStore, ValueName } from "../store.ts";

/** Epochs remembered for those who join later. */
const EPOCHS_REMEMBERED = 1000;

/** A value, or the last epoch. */
export type Stored = ValueName | "epoch";

type Listener<T> = (received: T) => void;

/** One pool as any gateway sees it through the store. Epochs only ever go up. */
export class PoolView implements PoolFollower {
  readonly pool: string;
  /** Reads all that this process finds in the pool's part of the store. */
  readonly reading: PoolReading;
  readonly #onFault: (fault: Error) => void;
  readonly #epochs: EpochReport[] = [];
  readonly #onSnapshot = new Set<Listener<RoutingSnapshot>>();
  readonly #onReport = new Set<Listener<PoolReport>>();
  readonly #onChange = new Set<Listener<void>>();
  #snapshot: RoutingSnapshot | null = null;
  #rollout = NO_ROLLOUT;
  #operatorState = NEW_OPERATOR_STATE;
  #leader: Leader | null = null;
  #report: PoolReport | null = null;
  #engine: WatchedEngine | null = null;
  #decisions: readonly DecisionRecord[] = [];
  #changes = NO_CHANGES;
  #history = NO_HISTORY;
  /** They are large, and read when they are asked for. Null where they were. */
  #changesBytes: Uint8Array | null = null;
  #historyBytes: Uint8Array | null = null;
  #exchange: PoolExchange | null = null;
  /** It is seldom asked for, too. Null where it was read. */
  #exchangeBytes: Uint8Array | null = null;
  #unfollow: (() => void) | null = null;
  #closed = false;
  readonly #unreadable = new Set<Stored>();

  /** @param onFault receives what cannot be read, and what a listener throws */
  constructor(pool: string, onFault: (fault: Error) => void) {
    this.pool = pool;
    this.reading = poolReading(pool, onFault);
    this.#onFault = onFault;
  }

  /** Without effect where it follows already. */
  follow(store: PoolStore): void {
    this.#unfollow ??= store.follow(this);
  }

  /** The gateway has the pool no more; who listens for changes receives it. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#unfollow?.();
    this.#send(this.#onChange, undefined);
  }

  /** Nothing comes here any more. */
  get closed(): boolean {
    return this.#closed;
  }

  /** In force here; null before the first. */
  get snapshot(): RoutingSnapshot | null {
    return this.#snapshot;
  }

  get rollout(): RolloutRecord {
    return this.#rollout;
  }

  get operatorState(): OperatorState {
    return this.#operatorState;
  }

  get leader(): Leader | null {
    return this.#leader;
  }

  get report(): PoolReport | null {
    return this.#report;
  }

  /** Null where the engine says nothing of its own load balancing. */
  get engine(): WatchedEngine | null {
    return this.#engine;
  }

  /** What its leaders decided, the oldest first. */
  get decisions(): readonly DecisionRecord[] {
    return this.#decisions;
  }

  /** What of the placement these changed. */
  get changes(): PoolChanges {
    const bytes = this.#changesBytes;
    this.#changesBytes = null;
    if (bytes !== null)
      this.#changes = this.#read("changes", "changes", () => decodeChanges(bytes)) ?? this.#changes;
    return this.#changes;
  }

  /** Its last day, but for the last seconds. */
  get history(): PoolHistory {
    const bytes = this.#historyBytes;
    this.#historyBytes = null;
    if (bytes !== null)
      this.#history = this.#read("history", "history", () => decodeHistory(bytes)) ?? this.#history;
    return this.#history;
  }

  /** Who sends to whom, over some of its last seconds; null before it is known. */
  get exchange(): PoolExchange | null {
    const bytes = this.#exchangeBytes;
    this.#exchangeBytes = null;
    if (bytes !== null)
      this.#exchange = this.#read("exchange", "exchange", () => decodeExchange(bytes)) ?? this.#exchange;
    return this.#exchange;
  }

  /** What the store has last and cannot be read here. */
  get unreadable(): ReadonlySet<Stored> {
    return this.#unreadable;
  }

  /** Those received here, the oldest first. */
  get epochs(): readonly EpochReport[] {
    return this.#epochs;
  }

  /** Each returns the way to stop listening. */
  onSnapshot(listener: Listener<RoutingSnapshot>): () => void {
    return listen(this.#onSnapshot, listener);
  }

  onReport(listener: Listener<PoolReport>): () => void {
    return listen(this.#onReport, listener);
  }

  /** Receives all that is published but reports. */
  onChange(listener: () => void): () => void {
    return listen(this.#onChange, listener);
  }

  /** What cannot be read leaves everything as it was. */
  epoch(epoch: number, bytes: Uint8Array): void {
    if (epoch <= (this.#snapshot?.epoch ?? 0)) return;
    const snapshot = this.#read("epoch", "snapshot", () => snapshotOf(epoch, bytes));
    if (snapshot === null) return;
    this.#snapshot = snapshot;
    this.#epochs.push({ pool: this.pool, epoch, ...snapshot.change });
    if (this.#epochs.length > EPOCHS_REMEMBERED) this.#epochs.shift();
    this.#send(this.#onSnapshot, snapshot);
    this.#send(this.#onChange, undefined);
  }

  /** A leader removes none: a value that is gone was lost by the store, and the next leader gives it back. */
  value(name: ValueName, value: Uint8Array | null): void {
    if (value === null) return;
    switch (name) {
      case "rollout":
        this.#rollout = this.#read(name, "rollout", () => decodeRollout(value)) ?? this.#rollout;
        return this.#send(this.#onChange, undefined);
      case "orders":
        this.#operatorState =
          this.#read(name, "operator_state", () => decodeOperatorState(value)) ?? this.#operatorState;
        return this.#send(this.#onChange, undefined);
      case "leader":
        this.#leader = this.#read(name, "leader", () => decodeLeader(value)) ?? this.#leader;
        return this.#send(this.#onChange, undefined);
      case "report": {
        const report = this.#read(name, "pool_report", () => decodeReport(value));
        if (report === null) return;
        this.#report = report;
        return this.#send(this.#onReport, report);
      }
      case "engine": {
        const engine = this.#read(name, "engine", () => ({ read: decodeEngine(value) }));
        if (engine === null) return;
        this.#engine = engine.read;
        return this.#send(this.#onChange, undefined);
      }
      case "decisions":
        this.#decisions = this.#read(name, "decisions", () => decodeDecisions(value)) ?? this.#decisions;
        return this.#send(this.#onChange, undefined);
      case "changes":
        this.#changesBytes = value;
        return;
      case "history":
        this.#historyBytes = value;
        return;
      case "exchange":
        this.#exchangeBytes = value;
        return;
      // Only who leads reads it.
      case "learned":
    }
  }

  #read<T>(name: Stored, kind: PoolKind, decode: () => T): T | null {
    const read = this.reading.read(kind, decode);
    if (read === null) this.#unreadable.add(name);
    else this.#unreadable.delete(name);
    return read;
  }

  /** A listener that fails keeps nothing from the others. */
  #send<T>(listeners: ReadonlySet<Listener<T>>, received: T): void {
    for (const listener of listeners) {
      try {
        listener(received);
      } catch (cause) {
        this.#onFault(
          new Error(
            `pool ${this.pool}: what its leader publishes was not taken: ${(cause as Error).message}`,
            { cause },
          ),
        );
      }
    }
  }
}

/** @throws Unreadable */
function snapshotOf(epoch: number, bytes: Uint8Array): RoutingSnapshot {
  const snapshot = decodeSnapshot(bytes);
  if (snapshot.epoch !== epoch) throw new Unreadable("it was published under another number than its own");
  return snapshot;
}

function listen<T>(listeners: Set<T>, listener: T): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
