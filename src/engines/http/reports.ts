import type { ShardReport } from "../../serving/engine.ts";

/** The same report, without a load, for every rank. */
export function reports(ranks: readonly number[], ready: boolean, lack: string): ShardReport[] {
  return ranks.map(() => ({ ready, load: null, lack }));
}
