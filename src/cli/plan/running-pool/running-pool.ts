import { readConstantsFile } from "../../../config/calibration/constants-file.ts";
import { loadModel } from "../../../config/shapes.ts";
import { BALANCE_POLICIES, type BalancePolicy, policyBy } from "../../../core/planning/balance-policy.ts";
import type { Plan } from "../../../core/planning/plan.ts";
import { whyNotServed } from "../../../core/cost/serving-room.ts";
import { InputError } from "../../../lib/errors.ts";
import type { ExpertLoad } from "../../../model/load.ts";
import type { RankAssignment } from "../../../model/rank-assignment.ts";
import type { MoeModel } from "../../../model/moe-model.ts";
import { precisionOf, servedIn } from "../../../model/serving-precision.ts";
import { type Layout, engineShape, unitTopology } from "../../../planner/layout.ts";
import { routingOfLoad } from "../../../planner/right-sizing/load-routing.ts";
import type { RunningPool, RunningUnit } from "../../../planner/right-sizing/running-unit.ts";
import { tableOf } from "../../../twin/calibration/fitted-constants.ts";
import { modelSizes } from "../../../twin/calibration/model-sizes.ts";
import { BATCHING, PLAIN_BATCHING } from "../../../twin/pool/batching.ts";
import { routingSources } from "../../../twin/routing-sources.ts";
import { FITTED_ENGINES } from "../../../model/fitted-engine.ts";
import { MODEL_FLAG } from "../../load-file.ts";
import { readTypes } from "../../../plans/plan-inputs.ts";
import type { GatewayClient } from "./gateway-client.ts";
import { planInForce } from "./in-force.ts";
import type { PublishedPool } from "./published.ts";
import type { PoolFlags } from "./pool-flags.ts";
import { reportedLoad } from "./expert-load.ts";
import { batchingOf, runningLayout } from "./running-layout.ts";
import type { FoundPool } from "./watch-pool.ts";

/** Shares come round every five seconds unless somebody says otherwise, and a report with them. */
const REPORT_WITHIN_MS = 15_000;

export interface ReadPool {
  readonly pool: RunningPool;
  /** What is assumed, in sentences. */
  readonly notes: readonly string[];
}

/** What a pool consists of: by its gateway, and by options where that does not know. */
export interface KnownPool {
  readonly model: MoeModel;
  readonly kind: "simulated" | "servers";
  readonly names: { readonly model: string; readonly gpu: string };
}

/** @throws InputError in one line that names what is missing. Asks nothing of the gateway: it can be asked first. */
export async function knownPool({ front, name }: FoundPool, flags: PoolFlags): Promise<KnownPool> {
  const { deployment } = front;
  const modelName = flags.model ?? deployment?.experts?.model;
  const gpu = deployment?.gpu ?? flags.gpu;
  const missing = [
    ...(modelName === undefined ? ["its model (--model)"] : []),
    ...(gpu === undefined ? ["its type of GPU (--gpu)"] : []),
  ];
  if (modelName === undefined || gpu === undefined)
    throw new InputError("--pool", name, `the gateway does not know ${missing.join(" and ")}; say it`);
  if (deployment?.gpu !== undefined && deployment.gpu !== null && (flags.gpu ?? gpu) !== gpu)
    throw new InputError("--gpu", "", `is ${flags.gpu}, but the pool is simulated on ${gpu}; leave it out`);
  const written = await loadModel(modelName, MODEL_FLAG);
  const precision = flags.precision ?? deployment?.precision ?? undefined;
  const model = precision === undefined ? written : servedIn(written, precision);
  const kind = deployment?.kind === "simulated" ? "simulated" : "servers";
  return { model, kind, names: { model: modelName, gpu } };
}

/** The pool as the twin runs it. @throws InputError */
export async function readRunningPool(
  client: GatewayClient,
  found: FoundPool,
  { model, kind, names }: KnownPool,
  flags: PoolFlags,
  seed: number,
  signal: AbortSignal,
): Promise<ReadPool> {
  const { front } = found;
  const { constants } = await readConstantsFile();
  const fitted = FITTED_ENGINES.find((one) => one === front.deployment?.kind) ?? flags.engine ?? null;
  const withEngine = fitted === null ? {} : { engine: fitted };
  const [type] = await readTypes({ gpu: names.gpu, ...withEngine }, model, tableOf(constants));
  const { units, decode, prefill, topology, notes } = runningLayout(found, flags);
  const engine = batchingOf(front.deployment?.kind);
  const usual = engine === "plain" ? PLAIN_BATCHING : BATCHING[engine];
  const batching = { ...usual, stepTokens: flags.stepTokens ?? usual.stepTokens };
  const base = topology === null ? 0 : topology.slotsPerGpu - Math.ceil(model.experts / decode.ep);
  const layout: Layout = {
    type,
    prefill,
    decode,
    redundantSlots: Math.max(0, base),
    stepTokens: batching.stepTokens,
  };
  const places = (shape: typeof decode) => unitTopology(layout, shape, model.experts);
  const plane = front.control === null ? null : await readPlane(client, front.pool, model, signal);
  const unit: RunningUnit = {
    layout,
    prefill: prefill === null ? null : places(prefill),
    decode: topology ?? places(decode),
    assignment: assignmentOf(front),
    prefillAssignment: found.prefill === null ? "prefill" : assignmentOf(found.prefill),
    batching,
    policy: policyOf(found),
    begins: plane?.plan ?? null,
  };
  const why = whyNotServed(model, unit.decode, type.hardware, engineShape(decode));
  if (why !== null)
    throw new InputError(
      "--gpu",
      names.gpu,
      `${model.name} does not fit on the pool as it is said to be: ${why}`,
    );
  const precision = precisionOf(model.precision);
  const load = plane?.load ?? null;
  const trace = load === null ? null : routingOfLoad(load, model.topk, seed);
  return {
    pool: {
      model,
      sizes: modelSizes(model, precision),
      precision,
      type,
      engine: fitted,
      unit,
      units,
      outsideMs: kind === "simulated" ? 0 : null,
      routing: routingSources(model, seed, trace),
      routed: trace,
      load,
    },
    notes: [
      ...notes,
      ...(load === null
        ? ["which experts are used is not known here: the model draws them, skewed and drifting"]
        : []),
      ...(kind === "servers" && flags.stepTokens === undefined
        ? [`steps are taken to have up to ${batching.stepTokens} tokens (--step-tokens)`]
        : []),
    ],
  };
}

interface Plane {
  readonly plan: Plan;
  readonly load: ExpertLoad | null;
}

async function readPlane(
  client: GatewayClient,
  pool: string,
  model: MoeModel,
  signal: AbortSignal,
): Promise<Plane> {
  const load = await reportedLoad(client, pool, REPORT_WITHIN_MS, signal);
  const plan = await planInForce(client, pool, model, signal);
  const same = load?.layers === plan.placement.layers && load.experts === plan.placement.experts;
  return { plan, load: same ? load : null };
}

/** Who picks the rank: the gateway where it sees ranks, else the server. */
function assignmentOf({ deployment, servers, shards }: PublishedPool): RankAssignment {
  const seesRanks = deployment?.kind === "simulated" || shards.length > servers;
  return seesRanks && deployment !== null ? deployment.policy : "least-in-flight";
}

/** Whose placements are in force: the gateway's for that dispatch, else the engine's own, which is taken to place nothing. */
function policyOf({ front: { control, deployment } }: FoundPool): BalancePolicy {
  if (control === null) return BALANCE_POLICIES.none;
  return policyBy("plimsoll", deployment?.experts?.dispatch ?? "shares");
}
