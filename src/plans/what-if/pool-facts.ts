import type { Plan } from "../../core/planning/plan.ts";
import type { ExpertLoad } from "../../model/load.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import type { PoolReport } from "../../model/pool-report.ts";
import type { RoutingSnapshot } from "../../model/snapshot.ts";
import type { Measured, NotMeasured } from "../../planner/right-sizing/measured.ts";
import { type FoundPool, poolIn } from "../running-pool/found-pool.ts";
import { publishedPools } from "../running-pool/published.ts";

/** A pool as it runs, with all that a thread needs to say what it would come to. */
export interface PoolFacts {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly found: FoundPool;
  readonly model: MoeModel;
  /** In force; null before the first. */
  readonly plan: Plan | null;
  /** As its leader tracks it; null while nothing was counted. */
  readonly load: ExpertLoad | null;
  readonly measured: Measured | NotMeasured;
}

/** What a gateway has of one of its pools. */
export interface FactSources {
  readonly atMs: number;
  /** What `/admin/state` says of pools. */
  readonly pools: unknown;
  readonly model: MoeModel;
  readonly snapshot: RoutingSnapshot | null;
  readonly report: PoolReport | null;
  readonly measured: Measured | NotMeasured;
}

/** @throws InputError where the gateway has no such pool */
export function factsOf(name: string, sources: FactSources): PoolFacts {
  const { atMs, pools, model, snapshot, report, measured } = sources;
  const found = poolIn({ pools: publishedPools(pools, "") }, name);
  const plan = snapshot === null ? null : planOf(snapshot);
  return { atMs, found, model, plan, load: loadOf(model, report), measured };
}

function planOf({ placement, replicas, shares }: RoutingSnapshot): Plan {
  return { placement, replicas, shares };
}

function loadOf({ moeLayers, experts }: MoeModel, report: PoolReport | null): ExpertLoad | null {
  if (report === null || report.expertLoad.length !== moeLayers.length || report.experts !== experts)
    return null;
  const tokens = Float64Array.from(report.expertLoad.flat());
  const counted = tokens.length === moeLayers.length * experts && tokens.some((load) => load > 0);
  return counted ? { layers: moeLayers.length, experts, tokens } : null;
}
