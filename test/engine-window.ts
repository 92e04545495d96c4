import type { EngineWindow } from "../src/control/messages/engine-window.ts";

/** What a report of an engine says that balances every 100 steps, and is well. */
export function engineWindow(differences: Partial<EngineWindow>): EngineWindow {
  return {
    name: "vllm 0.32.0",
    step: 0,
    rebalances: 0,
    rebalanceEvery: 100,
    dispatch: "even",
    balancedness: 0.9,
    windowMs: 1000,
    counts: `${differences.step ?? 0}`,
    empty: false,
    ranks: 4,
    otherMap: [],
    otherTable: [],
    ...differences,
  };
}
