import type { Address } from "./load.ts";

/** What stands between clients and engines, or nothing at all. */
export interface Router {
  readonly name: string;
  /** Measured in every cell, or only where everyone is. */
  readonly everywhere: boolean;
  /** Starts it before the given engines. @param folder its own, for its files; @throws NotInstalled */
  start(engines: readonly Address[], folder: string): Promise<RunningRouter>;
}

export interface RunningRouter {
  readonly addresses: readonly Address[];
  /** Its first process; null where there is none. */
  readonly pid: number | null;
  /** What it is and what it runs with, for the notes. */
  readonly about: string;
  stop(): Promise<void>;
}

/** The router is not on this machine: it is left out. */
export class NotInstalled extends Error {}
