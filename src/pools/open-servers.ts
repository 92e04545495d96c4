import type { Config, ServerPoolConfig } from "../config/config.ts";
import { UNKNOWN_MACHINE } from "../core/planning/machine.ts";
import { ReportedPlane } from "../control/ingest/reported-plane.ts";
import { openEngine } from "../open-engine.ts";
import { RoutedLoad } from "../serving/affinity/routed-load.ts";
import { ServingPool } from "../serving/serving-pool.ts";
import { controlSettings, openControl } from "./control-half.ts";
import { OpenPool } from "./open-pool.ts";
import { orClosed } from "./or-closed.ts";
import { ServingHalf, servingSettings } from "./serving-half.ts";
import { expertAffinityOf, servingParts } from "./serving-parts.ts";
import type { PoolMakings } from "./surroundings.ts";

/** Servers that each do whole requests. Of the pool before, the halves that the configuration leaves as they are go on. */
export function openServers(
  pool: ServerPoolConfig,
  config: Config,
  makings: PoolMakings,
  before: OpenPool | null,
): OpenPool {
  const settings = servingSettings(pool, config);
  const old = before?.servingHalf ?? null;
  const serving =
    old?.settings === settings
      ? old
      : new ServingHalf(settings, { serving: [servingPool(pool, config, makings, old)], simulated: null });
  const { experts: group } = pool;
  if (group === null || makings.surroundings.follows !== undefined)
    return same(before, pool, serving, null, makings);
  const oldControl = before?.controlled ?? null;
  if (oldControl?.settings === controlSettings(pool.name, group, config))
    return same(before, pool, serving, oldControl, makings);
  const plane = new ReportedPlane(pool.name, group);
  const view = oldControl?.loop.view ?? null;
  const control = openControl(
    { group, machine: UNKNOWN_MACHINE, plane, simulation: null, view },
    config,
    makings,
  );
  return same(before, pool, serving, control, makings);
}

function same(
  before: OpenPool | null,
  pool: ServerPoolConfig,
  serving: ServingHalf,
  control: OpenPool["controlled"],
  makings: PoolMakings,
): OpenPool {
  const sources = control === null ? null : pool;
  if (before?.is(serving, control, sources) === true) return before;
  return new OpenPool(pool.name, serving, control, sources, makings);
}

/** Expert loads come over HTTP, or out of the answers to a part of the requests. */
function servingPool(
  pool: ServerPoolConfig,
  config: Config,
  makings: PoolMakings,
  before: ServingHalf | null,
): ServingPool {
  const engine = openEngine(pool, config.upstream, before?.front.engine);
  return orClosed([engine], () => {
    const parts = servingParts(engine, pool, pool.policy, config, makings);
    const { experts: group, routedExperts } = pool;
    const reportsRouted = group !== null && routedExperts > 0;
    const follows = makings.surroundings.follows !== undefined;
    // In a process that follows another, only answers show which experts requests use.
    const learns = group !== null && (reportsRouted || !follows);
    const experts = learns ? expertAffinityOf(parts, group, config, makings) : null;
    const counted = reportsRouted ? new RoutedLoad(group.model.moeLayers.length, group.model.experts) : null;
    // Answers under way in the half before still count.
    const routedLoad = counted?.like(before?.front.routedLoad ?? null) ?? counted;
    return new ServingPool({ ...parts, moe: group?.model ?? null, experts, routedLoad });
  });
}
