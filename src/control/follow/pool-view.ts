import type { EpochReport, PoolReport } from "../../model/pool-report.ts";
import type { RoutingSnapshot } from "../../model/snapshot.ts";
import { decodeSnapshot } from "../../model/snapshot-bytes.ts";
import { type RolloutRecord, NO_ROLLOUT, decodeRollout } from "../messages/rollout-record.ts";
import { type OperatorState, NEW_OPERATOR_STATE, decodeOperatorState } from "../messages/operator-state.ts";
import type { PoolFollower, PoolStore, ValueName } from "../store.ts";

/** Epochs remembered for those who join later. */
const EPOCHS_REMEMBERED = 1000;

/** Who leads a pool: the value `leader` of its store, in JSON. */
export interface Leader {
  readonly gateway: string;
  /** Milliseconds since 1970, by that gateway's clock. */
  readonly sinceMs: number;
}

type Listener<T> = (heard: T) => void;

/** One pool as any gateway sees it through the store. Epochs only ever go up. */
export class PoolView implements PoolFollower {
  readonly pool: string;
  readonly #onFault: (fault: Error) => void;
  readonly #epochs: EpochReport[] = [];
  readonly #onSnapshot = new Set<Listener<RoutingSnapshot>>();
  readonly #onReport = new Set<Listener<PoolReport>>();
  readonly #onChange = new Set<() => void>();
  #snapshot: RoutingSnapshot | null = null;
  #rollout = NO_ROLLOUT;
  #operatorState = NEW_OPERATOR_STATE;
  #leader: Leader | null = null;
  #report: PoolReport | null = null;
  #unfollow: (() => void) | null = null;
  #closed = false;

  constructor(pool: string, onFault: (fault: Error) => void) {
    this.pool = pool;
    this.#onFault = onFault;
  }

  /** Without effect where it follows already. */
  follow(store: PoolStore): void {
    this.#unfollow ??= store.follow(this);
  }

  /** The gateway has the pool no more; who listens for changes hears of it. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#unfollow?.();
    for (const listener of this.#onChange) listener();
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

  /** Those heard here, the oldest first. */
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

  /** Hears of new epochs, stages of a rollout and rankStates. */
  onChange(listener: () => void): () => void {
    return listen(this.#onChange, listener);
  }

  epoch(epoch: number, bytes: Uint8Array): void {
    if (epoch <= (this.#snapshot?.epoch ?? 0)) return;
    this.#guarded(() => {
      const snapshot = decodeSnapshot(bytes);
      this.#snapshot = snapshot;
      this.#epochs.push({ pool: this.pool, epoch, ...snapshot.change });
      if (this.#epochs.length > EPOCHS_REMEMBERED) this.#epochs.shift();
      for (const listener of this.#onSnapshot) listener(snapshot);
      this.#changed();
    });
  }

  /** A leader removes none: a value that is gone was lost by the store, and the next leader gives it back. */
  value(name: ValueName, value: Uint8Array | null): void {
    if (value === null) return;
    this.#guarded(() => {
      switch (name) {
        case "rollout":
          this.#rollout = decodeRollout(value);
          return this.#changed();
        case "orders":
          this.#operatorState = decodeOperatorState(value);
          return this.#changed();
        case "leader":
          this.#leader = decodeJson(value) as Leader;
          return;
        case "report":
          this.#heardReport(decodeJson(value) as PoolReport);
          return;
        case "learned":
      }
    });
  }

  #heardReport(report: PoolReport): void {
    this.#report = report;
    for (const listener of this.#onReport) listener(report);
  }

  #changed(): void {
    for (const listener of this.#onChange) listener();
  }

  /** What another version has written and cannot be read here leaves everything as it was. */
  #guarded(adopt: () => void): void {
    try {
      adopt();
    } catch (cause) {
      this.#onFault(new Error(`pool ${this.pool}: what its leader wrote cannot be read`, { cause }));
    }
  }
}

function listen<T>(listeners: Set<T>, listener: T): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function decodeJson(bytes: Uint8Array): unknown {
  return JSON.parse(new TextDecoder().decode(bytes));
}
