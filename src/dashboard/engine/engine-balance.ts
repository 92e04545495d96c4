import { latest, tokenMean } from "../figures/averages.ts";
import { NONE, list, percent, time, whole } from "../format.ts";
import type { PoolState } from "../live/state.ts";
import type { WatchedEngine } from "../live/wire.ts";

const SAME = 0.005;
const NAMED = 6;

/** What an engine's own load balancing makes of the load, beside what the published placement would. */
export interface EngineBalance {
  /** Σ mean ÷ Σ fullest over layers, 0..1; null where nothing was forwarded. */
  readonly engine: number | null;
  readonly published: number | null;
  /** Since the engine's last report, and since the pool's. */
  readonly engineAgeMs: number;
  readonly publishedAgeMs: number | null;
}

/** Null where the engine does not say. @param nowMs by the gateway's clock */
export function engineBalance(pool: PoolState, nowMs: number): EngineBalance | null {
  const { condition, samples } = pool;
  const engine = condition?.engine ?? null;
  if (engine === null) return null;
  const last = samples.at(-1)?.atMs ?? null;
  return {
    engine: engine.balancedness,
    published: tokenMean(latest(samples), "balancedness"),
    engineAgeMs: Math.max(0, nowMs - engine.measuredAtMs),
    publishedAgeMs: last === null ? null : Math.max(0, nowMs - last),
  };
}

/** What the difference comes to; null where either is not known. */
export function differenceText({ engine, published }: EngineBalance): string | null {
  if (!engine || !published) return null;
  const saved = 1 - engine / published;
  if (Math.abs(saved) < SAME) return "Both keep the GPUs as level.";
  const [which, part] = saved > 0 ? ["shorter", saved] : ["longer", -saved];
  return `By the published placement, steps that wait for the fullest GPU would be ${percent(part, 1)} ${which}.`;
}

export function rebalancesText({ rebalances, rebalanceEvery, stepsSinceRebalance }: WatchedEngine): string {
  if (rebalanceEvery === 0) return "It does not rebalance by itself.";
  const times = `${whole(rebalances)} ${rebalances === 1 ? "rebalance" : "rebalances"} by itself`;
  return `${times}, the last ${whole(stepsSinceRebalance)} steps ago; one is due every ${whole(rebalanceEvery)}.`;
}

/** Which faults it has, by their words, since when; what they mean, the alarms say. */
export function faultsText({ faults }: WatchedEngine): string {
  if (faults.length === 0) return "No faults.";
  const said = faults.map(({ kind, ranks, sinceMs }) => {
    const of = ranks.length === 0 ? "" : ` (rank ${list(ranks.map(String), NAMED)})`;
    return `${kind}${of} since ${time(sinceMs)}`;
  });
  return `Faults: ${said.join(", ")}.`;
}

/** `4 s ago` */
export function ageText(ageMs: number | null): string {
  if (ageMs === null) return "";
  return ageMs < 120_000 ? `${whole(ageMs / 1000)} s ago` : `${whole(ageMs / 60_000)} min ago`;
}

/** `1.08 ×` */
export function stepsText(balancedness: number | null): string {
  return balancedness ? `${(1 / balancedness).toFixed(2)} ×` : NONE;
}
