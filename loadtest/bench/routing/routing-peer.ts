import type { Address } from "../gateway/load.ts";

/** What routes to the engines, as a program of its own. */
export interface RoutingPeer {
  readonly name: string;
  /** Whether it is one of Plimsoll's policies. */
  readonly own: boolean;
  /** Starts it before the given engines. @param folder its own, for its files; @throws NotInstalled */
  start(engines: readonly Address[], folder: string): Promise<RunningPeer>;
}

export interface RunningPeer {
  readonly address: Address;
  /** What it is and what it runs with. */
  readonly about: string;
  /** One more engine is there from now on. */
  join(engine: Address): Promise<void>;
  stop(): Promise<void>;
}
