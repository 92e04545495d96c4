import { readConstantsFile } from "../../config/calibration/constants-file.ts";
import { whyNotServed } from "../../core/cost/serving-room.ts";
import { BALANCE_POLICIES, type BalancePolicy, policyBy } from "../../core/planning/balance-policy.ts";
import type { Plan } from "../../core/planning/plan.ts";
import { InputError } from "../../lib/errors.ts";
import { FITTED_ENGINES, type FittedEngine } from "../../model/fitted-engine.ts";
import type { ExpertLoad } from "../../model/load.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import type { RankAssignment } from "../../model/rank-assignment.ts";
import { precisionOf } from "../../model/serving-precision.ts";
import { type Layout, engineShape, unitTopology } from "../../planner/layout.ts";
import { routingOfLoad } from "../../planner/right-sizing/load-routing.ts";
import type { RunningPool, RunningUnit } from "../../planner/right-sizing/running-unit.ts";
import { tableOf } from "../../twin/calibration/fitted-constants.ts";
import { modelSizes } from "../../twin/calibration/model-sizes.ts";
import { BATCHING, PLAIN_BATCHING } from "../../twin/pool/batching.ts";
import { routingSources } from "../../twin/routing-sources.ts";
import { readTypes } from "../plan-inputs.ts";
import type { FoundPool } from "./found-pool.ts";
import type { PublishedPool } from "./published.ts";
import { type LayoutFlags, batchingOf, runningLayout } from "./running-layout.ts";

/** What is known of a pool that runs. */
export interface KnownPool {
  readonly found: FoundPool;
  /** As it is served there. */
  readonly model: MoeModel;
  /** Its type's name. */
  readonly gpu: string;
  /** In force there, with the load that is tracked; null where nobody knows them. */
  readonly plan: Plan | null;
  readonly load: ExpertLoad | null;
}

export interface ReadPool {
  readonly pool: RunningPool;
  /** What is assumed, in sentences. */
  readonly notes: readonly string[];
}

/** The pool as the twin runs it. @throws InputError */
export async function readRunningPool(
  { found, model, gpu, plan, load }: KnownPool,
  flags: LayoutFlags & { readonly engine?: FittedEngine },
  seed: number,
): Promise<ReadPool> {
  const { front } = found;
  const simulated = front.deployment?.kind === "simulated";
  const { constants } = await readConstantsFile();
  const fitted = FITTED_ENGINES.find((one) => one === front.deployment?.kind) ?? flags.engine ?? null;
  const withEngine = fitted === null ? {} : { engine: fitted };
  const [type] = await readTypes({ gpu, ...withEngine }, model, tableOf(constants));
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
  const unit: RunningUnit = {
    layout,
    prefill: prefill === null ? null : places(prefill),
    decode: topology ?? places(decode),
    assignment: assignmentOf(front),
    prefillAssignment: found.prefill === null ? "prefill" : assignmentOf(found.prefill),
    batching,
    policy: policyOf(found),
    begins: plan,
  };
  const why = whyNotServed(model, unit.decode, type.hardware, engineShape(decode));
  if (why !== null)
    throw new InputError("--gpu", gpu, `${model.name} does not fit on the pool as it is said to be: ${why}`);
  const precision = precisionOf(model.precision);
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
      outsideMs: simulated ? 0 : null,
      routing: routingSources(model, seed, trace),
      routed: trace,
      load,
    },
    notes: [
      ...notes,
      ...(load === null
        ? ["which experts are used is not known here: the model draws them, skewed and drifting"]
        : []),
      ...(!simulated && flags.stepTokens === undefined
        ? [`steps are taken to have up to ${batching.stepTokens} tokens (--step-tokens)`]
        : []),
    ],
  };
}

/** Who picks the rank: the gateway where it sees ranks, else the server. */
function assignmentOf({ deployment, servers, shards }: PublishedPool): RankAssignment {
  const seesRanks = deployment?.kind === "simulated" || shards.length > servers;
  return seesRanks && deployment !== null ? deployment.policy : "least-in-flight";
}

/** Whose placements are in force: the gateway's for that dispatch, else the engine's own, which is taken to place nothing. */
export function policyOf({ front: { control, deployment } }: Pick<FoundPool, "front">): BalancePolicy {
  if (control === null) return BALANCE_POLICIES.none;
  return policyBy("plimsoll", deployment?.experts?.dispatch ?? "shares");
}
