import type { Hardware } from "../../core/cost/hardware.ts";
import type { BalancePolicy } from "../../core/planning/balance-policy.ts";
import { Balancer } from "../../core/planning/balancer.ts";
import type { Plan } from "../../core/planning/plan.ts";
import { policyTopology } from "../../core/planning/policy-topology.ts";
import { Rng } from "../../lib/rng.ts";
import type { Cadence } from "../../model/cadence.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import type { Topology } from "../../model/topology.ts";
import type { EngineSettings } from "../engine-settings.ts";
import { BatchMix } from "../fidelity/batch-mix.ts";
import { profilesOf } from "../fidelity/expert-profiles.ts";
import { NormalTable } from "../fidelity/normal-table.ts";
import { PoolMeter } from "../pool-meter.ts";
import type { RoutingSource } from "../routing-source.ts";
import { TokenDraw } from "../token-draw.ts";

/** Windows that a placement is made from, with so many requests in each: enough to see how the load varies. */
const WINDOWS = 12;
const REQUESTS = 16;
/** Of each request; longer ones meet the same choices again. */
const TOKENS = 1024;

export interface SettledPlanOptions {
  readonly model: MoeModel;
  readonly topology: Topology;
  readonly hardware: Hardware;
  readonly engine: EngineSettings;
  readonly policy: BalancePolicy;
  readonly cadence: Cadence;
  /** Begins anew; its first requests are taken. */
  readonly routing: RoutingSource;
  readonly seed: number;
}

/** The placement and the shares that a pool has in its stride: made, as its leader does, for what the source's requests ask. */
export function settledPlan(options: SettledPlanOptions): Plan {
  const { model, policy, cadence, hardware, engine, routing, seed } = options;
  const topology = policyTopology(model, options.topology, policy);
  const balancer = new Balancer(model, topology, policy, cadence, 0, { hardware, shape: engine.shape });
  const profiles = profilesOf(routing, model.moeLayers.length, model.experts);
  const mix = new BatchMix(profiles);
  const normals = new NormalTable(new Rng(seed, 12));
  const draw = new TokenDraw(new Rng(seed, 13));
  const rows = new Int32Array(REQUESTS * TOKENS);
  for (let window = 0; window < WINDOWS; window++) {
    const meter = new PoolMeter(balancer.current.placement, draw);
    for (let request = 0; request < REQUESTS; request++)
      routing.rows(routing.admit(TOKENS), 0, TOKENS, rows, request * TOKENS);
    mix.count({ tokens: rows.length, rows });
    for (const group of mix.groups) {
      const { chance } = profiles.of(group);
      meter.expect({ chance, tokens: mix.tokens[group], varying: mix.varying[group] }, normals);
    }
    draw.offer(rows, rows.length);
    const { load, routing: sample } = meter.window(cadence.placementMs / WINDOWS, routing, []);
    balancer.observe(load, cadence.placementMs / WINDOWS, sample);
  }
  return balancer.decide(cadence.placementMs)?.plan ?? balancer.current;
}
