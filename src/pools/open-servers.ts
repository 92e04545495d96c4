import type { Config, ExpertGroup, ServerPoolConfig } from "../config/config.ts";
import type { ControlLoop } from "../control/control-loop.ts";
import type { ControlledPool } from "../control/controlled-pool.ts";
import { ReportedPlane } from "../control/ingest/reported-plane.ts";
import { LoadInbox } from "../control/ingest/load-inbox.ts";
import { RecorderPull } from "../control/ingest/recorder-pull.ts";
import { RoutedReports } from "../control/ingest/routed-reports.ts";
import { SglangRecorder } from "../engines/sglang/recorder.ts";
import { moeLayers } from "../model/moe-model.ts";
import { openEngine } from "../open-engine.ts";
import { RoutedLoad } from "../serving/affinity/routed-load.ts";
import { ServingPool } from "../serving/serving-pool.ts";
import type { PoolParts } from "./open-pool.ts";
import { poolControl } from "./pool-control.ts";
import { expertAffinityOf, servingParts } from "./serving-parts.ts";
import type { PoolMakings } from "./surroundings.ts";

/** Servers that each do whole requests. */
export function openServers(pool: ServerPoolConfig, config: Config, makings: PoolMakings): PoolParts {
  const parts = servingParts(openEngine(pool, config.upstream), pool, pool.policy, config, makings);
  const { experts: group } = pool;
  if (group === null) return { serving: [new ServingPool(parts)], controlled: null, simulated: null };
  return withExperts(pool, group, parts, config, makings);
}

/** Their expert loads come over HTTP, or out of the answers to a part of the requests. */
function withExperts(
  pool: ServerPoolConfig,
  group: ExpertGroup,
  parts: ReturnType<typeof servingParts>,
  config: Config,
  makings: PoolMakings,
): PoolParts {
  const { model, topology } = group;
  const reportsRouted = pool.routedExperts > 0;
  const follows = makings.surroundings.follows !== undefined;
  // In a process that follows another, only answers show which experts requests use.
  const experts = reportsRouted || !follows ? expertAffinityOf(parts, group, config, makings) : null;
  const routedLoad = reportsRouted ? new RoutedLoad(moeLayers(model), model.experts) : null;
  const serving = new ServingPool({ ...parts, experts, routedLoad });
  if (follows) return { serving: [serving], controlled: null, simulated: null };
  const plane = new ReportedPlane(pool.name, model, topology);
  const loop = poolControl(serving, plane, group, config, makings);
  return { serving: [serving], controlled: reported(loop, serving, pool, group, makings), simulated: null };
}

function reported(
  loop: ControlLoop,
  { routedLoad }: ServingPool,
  { routedExperts: part, recorder: recorded, servers: { urls, access }, apiKey }: ServerPoolConfig,
  { model }: ExpertGroup,
  { gateway, clock, surroundings: { onFault } }: PoolMakings,
): ControlledPool {
  const reporter = { store: loop.store, gateway };
  const inbox = new LoadInbox({ ...reporter, shape: loop.shape, topk: model.topk });
  const routed = routedLoad === null ? null : new RoutedReports({ ...reporter, counts: routedLoad, part });
  if (recorded === null) return { loop, inbox, routed, pull: null };
  const { directory, intervalMs } = recorded;
  const recorder = new SglangRecorder({ urls, access, apiKey, directory, model });
  const leading = () => loop.leading;
  const pull = new RecorderPull({ recorder, inbox, leading, intervalMs, clock, onFault });
  return { loop, inbox, routed, pull };
}
