import { setTimeout as sleep } from "node:timers/promises";
import type { ScenarioChange } from "../../../model/load-scenario.ts";

const LOOK_EVERY_MS = 50;

/** What a restart needs of its pool. */
export interface RestartablePool {
  /** Of each rank by its leader: `live`, `draining`, `drained`, `lost`; null where it does not answer. */
  rankStates(): Promise<readonly string[] | null>;
  /** Ranks that have stopped. */
  stopped(): Promise<readonly number[]>;
  /** @returns whether it was done */
  carryOut(change: Exclude<ScenarioChange, { readonly kind: "restart" }>): Promise<boolean>;
}

/**
 * Restarts ranks one after the other as operators do: each is drained until others have its experts, ends its requests,
 * is away, and is used again before the next begins.
 * @returns the ranks that were not done, for the signal came before
 */
export async function restartRanks(
  ranks: readonly number[],
  awayMs: number,
  pool: RestartablePool,
  signal: AbortSignal,
): Promise<readonly number[]> {
  const until = async (is: () => Promise<boolean>): Promise<boolean> => {
    while (!signal.aborted && !(await is())) await pause(LOOK_EVERY_MS, signal);
    return !signal.aborted;
  };
  const stateOf = async (rank: number): Promise<string | undefined> => (await pool.rankStates())?.[rank];
  const restart = async (rank: number): Promise<boolean> => {
    if (!(await pool.carryOut({ kind: "drain", rank }))) return false;
    if (!(await until(async () => (await stateOf(rank)) === "drained"))) return false;
    if (!(await pool.carryOut({ kind: "stop", rank }))) return false;
    if (!(await until(async () => (await pool.stopped()).includes(rank)))) return false;
    await pause(awayMs, signal);
    const isBack = await pool.carryOut({ kind: "restore", rank });
    const isUsed = await pool.carryOut({ kind: "undrain", rank });
    return isBack && isUsed && (await until(async () => (await stateOf(rank)) === "live"));
  };
  for (const [i, rank] of ranks.entries()) if (!(await restart(rank))) return ranks.slice(i);
  return [];
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}
