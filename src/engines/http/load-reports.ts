import type { LoadReport } from "../../serving/engine.ts";

/** The same report, without a load, for every rank. */
export function withoutLoad(ranks: readonly number[], lack: string): LoadReport[] {
  return ranks.map(() => ({ serves: true, load: null, lack }));
}
