import type { BalanceBeside } from "../model/balance-beside.ts";
import type { Placement } from "../model/placement.ts";
import type { ReportedLoads } from "../model/pool-report.ts";
import type { GpuPairs, PoolExchange } from "../model/pool-exchange.ts";
import type { PoolWindow } from "../model/pool-window.ts";
import type { RoutingSnapshot } from "../model/snapshot.ts";
import type { Incarnation, LoadMessage } from "./messages/pool-message.ts";

/** A sign of life of a rank. */
export interface RankSign {
  readonly rank: number;
  readonly incarnation: Incarnation;
}

/** Its leader says when it was. */
export interface UndatedExchange extends Omit<PoolExchange, "atMs"> {
  /** Per second; null where GPUs are not told apart beside nodes. */
  readonly gpus: GpuPairs | null;
}

/** The ranks of one pool as the control loop sees them. */
export interface ExpertPlane {
  readonly pool: string;
  /** What happened since the last call; null when nothing was reported. */
  observe(): Promise<PoolWindow | null>;
  /** Who has sent to whom since the last call, which is seconds ago; null where nothing new is known. */
  takeExchange?(): UndatedExchange | null;
  /** What ranks have reported to any gateway. Absent where the ranks are in this process. */
  receive?(load: LoadMessage): void;
  /**
   * Ranks that are there now, where they are in this process: one that is missing has fallen silent. Absent where ranks
   * report for themselves.
   */
  signs?(): readonly RankSign[];
  /** Whose counts the last window was made of. Absent where the ranks are in this process; null before the first. */
  readonly loads?: ReportedLoads | null;
  /** How far a simulated pool has fallen behind the clock since it began, ms. Absent where it is not simulated. */
  readonly lagMs?: number;
  /** What another way of balancing makes of what it forwarded last. Absent, or null, where none is run beside it. */
  readonly beside?: BalanceBeside | null;
  /**
   * Resolves once every rank holds the weights that `placement` needs of it; rejects when one cannot. Absent where ranks
   * ask for what is pending, and acknowledge it, by themselves.
   * @param epoch the number the placement will be published under
   */
  prepare?(placement: Placement, epoch: number, signal: AbortSignal): Promise<void>;
  /** The epoch to dispatch by from the next step on. */
  commit(snapshot: RoutingSnapshot): void;
}
