/**
 * What the gateways of one cluster share. Everything of a pool is written by its leader, under the fencing token of its
 * lease, or sent to the leader. One contract suite for every implementation.
 *
 * Every method that returns a promise rejects with StoreUnreachable when the store does not answer.
 */
export interface Store {
  /** For a person, without credentials, e.g. `memory` or `redis://10.0.0.5:6379`. */
  readonly name: string;
  /** Why it cannot be used in full now, on one line without credentials; null while nothing is known to be wrong. */
  readonly fault: string | null;
  /** Receives that when it changes. @returns the way to stop listening */
  onFault(listener: (fault: string | null) => void): () => void;
  /** The same object for the same name. */
  pool(name: string): PoolStore;
  /**
   * Publishes what this gateway carries.
   * @returns what the other gateways reported last, but of those that have reported nothing for `staleMs`
   */
  share(gateway: string, usage: Uint8Array, staleMs: number): Promise<ReadonlyMap<string, Uint8Array>>;
  close(): Promise<void>;
}

/** What the leader keeps beside the epochs: each has one value, or none. */
export const VALUE_NAMES = [
  "leader",
  "rollout",
  "orders",
  "learned",
  "decisions",
  "changes",
  "history",
  "report",
  "engine",
  "exchange",
] as const;
export type ValueName = (typeof VALUE_NAMES)[number];

/** One pool's part of the store. */
export interface PoolStore {
  /**
   * Takes the lease when nobody holds it, renews it for who does.
   * @returns its fencing token, which is greater with every new lease and stays as it is when renewed; null while another holds it
   */
  lease(holder: string, ttlMs: number): Promise<number | null>;
  /** Gives the lease back before its time; without effect when it is lost already. */
  release(token: number): Promise<void>;

  /** The last epoch and all values, read from the store at one moment. */
  read(): Promise<PoolRecord>;
  /** A snapshot published lately (the last EPOCHS_KEPT); null when it is not kept. */
  at(epoch: number): Promise<Uint8Array | null>;
  /**
   * Appends an epoch. Once resolved, the followers in this process have received it.
   * Rejects with LeaseLost unless `token` is the lease in force, with StaleEpoch unless `epoch` is above the last.
   */
  publish(epoch: number, snapshot: Uint8Array, token: number): Promise<void>;
  /** Hands back an epoch that was published once and that a store which lost data has not: without effect unless it is above the last. */
  restore(epoch: number, snapshot: Uint8Array): Promise<void>;
  /** Sets or (null) removes a value. Rejects with LeaseLost unless `token` is the lease in force. */
  put(name: ValueName, value: Uint8Array | null, token: number): Promise<void>;
  /**
   * Keeps parts of the pool's past by their names, and (null) forgets others, in one step. Nobody receives them: they are
   * read where they are asked for. Rejects with LeaseLost unless `token` is the lease in force.
   */
  keep(parts: ReadonlyMap<string, Uint8Array | null>, token: number): Promise<void>;
  /** Names of the parts that are kept, in no order. */
  keptNames(): Promise<readonly string[]>;
  /** What is kept under the names, in their order; null where there is nothing. */
  kept(names: readonly string[]): Promise<readonly (Uint8Array | null)[]>;
  /**
   * Receives the last epoch and all values there are, then every later one in order. After an interruption, what is still
   * kept of what was missed; never a lower epoch after a higher one.
   */
  follow(follower: PoolFollower): () => void;

  /** Leaves a message for the leader, now or later, and in the same step an entry in the audit log (JSON) unless null. */
  send(message: Uint8Array, audit: string | null): Promise<void>;
  /**
   * Delivers the messages left for the leader, the oldest first, as soon as they come. A leader that lost its lease
   * receives nothing more, and what it had not finished is delivered to the next.
   */
  receive(token: number, listener: MessageListener): () => void;
  /** @returns for each name whether nobody has claimed it in the last `keepMs`; it is claimed now */
  claim(names: readonly string[], keepMs: number): Promise<readonly boolean[]>;
  /** The latest entries of the audit log, the newest first. */
  audit(count: number): Promise<readonly AuditEntry[]>;

  /**
   * Keeps what was learned under a key, unless what is kept there rests on more evidence.
   * @returns what is kept now, if that is another's; null when it is one's own
   */
  offer(key: string, evidence: number, learned: Uint8Array): Promise<Uint8Array | null>;
  /** What is kept under the keys, in their order; null where there is nothing. The `LEARNED_KEPT` offered last are kept. */
  learned(keys: readonly string[]): Promise<readonly (Uint8Array | null)[]>;
}

/**
 * Resolves with how many of the messages are done, from the first on: they are forgotten. The others, all of them when it
 * rejects, are delivered again after `redeliveryPauseMs`, with those that came meanwhile behind them.
 */
export type MessageListener = (messages: readonly Uint8Array[]) => Promise<number>;

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 5000;

/** @param failures deliveries one after the other, from 1, of which not all was done */
export function redeliveryPauseMs(failures: number): number {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1));
}

/** Epochs kept for those who catch up, and to go back to. */
export const EPOCHS_KEPT = 128;
/** Entries kept of the audit log. */
export const AUDIT_KEPT = 10_000;
/** Messages that wait for a leader; more push out the oldest. */
export const MESSAGES_KEPT = 512;
/** Names of `claim`; more push out those that were claimed the longest ago. */
export const CLAIMS_KEPT = 65_536;
/** Keys of `offer`. */
export const LEARNED_KEPT = 256;

export interface PoolRecord {
  /** 0 before the first. */
  readonly epoch: number;
  readonly snapshot: Uint8Array | null;
  readonly values: ReadonlyMap<ValueName, Uint8Array>;
}

export interface PoolFollower {
  epoch(epoch: number, snapshot: Uint8Array): void;
  value(name: ValueName, value: Uint8Array | null): void;
}

export interface AuditEntry {
  /** Milliseconds since 1970, by the store's clock. */
  readonly atMs: number;
  readonly entry: string;
}

/** Somebody has published this epoch, or a later one. */
export class StaleEpoch extends Error {
  override readonly name = "StaleEpoch";
}

/** The lease has run out, or another holds it. */
export class LeaseLost extends Error {
  override readonly name = "LeaseLost";
}

/** The store does not answer, or not in time. */
export class StoreUnreachable extends Error {
  override readonly name = "StoreUnreachable";
}

/** Whether a write that failed so leaves open what the store has, or who may write to it. */
export function isUncertain(error: unknown): boolean {
  return error instanceof StoreUnreachable || error instanceof StaleEpoch || error instanceof LeaseLost;
}
