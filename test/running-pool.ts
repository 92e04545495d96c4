import { SMALL_MODEL, SMALL_TOPOLOGY } from "../harness/small-model.ts";
import { readConstantsFile } from "../src/config/calibration/constants-file.ts";
import { BALANCE_POLICIES } from "../src/core/planning/balance-policy.ts";
import { routingOfLoad } from "../src/planner/right-sizing/load-routing.ts";
import type { Measured } from "../src/planner/right-sizing/measured.ts";
import type { RunningPool } from "../src/planner/right-sizing/running-unit.ts";
import { readTypes } from "../src/plans/plan-inputs.ts";
import { tableOf } from "../src/twin/calibration/fitted-constants.ts";
import { modelSizes } from "../src/twin/calibration/model-sizes.ts";
import { PLAIN_BATCHING } from "../src/twin/pool/batching.ts";
import { routingSources } from "../src/twin/routing-sources.ts";
import { smallPlan } from "./small-plan.ts";

export const SEED = 5;
const { constants } = await readConstantsFile();
const [TYPE] = await readTypes({ gpu: "h800" }, SMALL_MODEL, tableOf(constants));
/** One expert of each layer has a fourth of the tokens. */
export const UNEVEN_LOAD = {
  layers: 6,
  experts: 32,
  tokens: Float64Array.from({ length: 192 }, (_, i) => (i % 32 === 5 ? 10 : 1)),
};
const ROUTED = routingOfLoad(UNEVEN_LOAD, SMALL_MODEL.topk, SEED);
/** The small model on four H800, as if it ran. */
export const RUNNING_POOL: RunningPool = {
  model: SMALL_MODEL,
  sizes: modelSizes(SMALL_MODEL, "fp8"),
  precision: "fp8",
  type: TYPE,
  engine: null,
  units: 1,
  outsideMs: 0,
  load: UNEVEN_LOAD,
  routing: routingSources(SMALL_MODEL, SEED, ROUTED),
  routed: ROUTED,
  unit: {
    layout: {
      type: TYPE,
      prefill: null,
      decode: { tp: 1, dp: 4, ep: 4, moeTp: 1 },
      redundantSlots: 2,
      stepTokens: PLAIN_BATCHING.stepTokens,
    },
    prefill: null,
    decode: SMALL_TOPOLOGY,
    assignment: "least-load",
    prefillAssignment: "prefill",
    batching: PLAIN_BATCHING,
    policy: BALANCE_POLICIES.plimsoll,
    begins: smallPlan(),
  },
};
/** Its traffic. */
export const MEASURED_TRAFFIC: Measured = {
  seconds: 10,
  rate: 600,
  answered: 600,
  ended: { ok: 6000, client_error: 0, refused: 0, failed: 0, cancelled: 0 },
  promptTokens: { bounds: [192, 256], counts: [0, 6000, 0], sum: 1.3e6 },
  answerTokens: { bounds: [8, 12], counts: [0, 6000, 0], sum: 6e4 },
  promptMean: 1.3e6 / 6000,
  answerMean: 10,
  countedByEngine: 1,
  cachedPart: null,
  ttftMs: { mean: 9, p50: 8, p90: 12, p95: 14, p99: 20 },
  itlMs: { mean: 5, p50: 4.5, p90: 7, p95: 8, p99: 10 },
  e2eMs: null,
  inFlight: 30,
  waiting: 0,
  kvUse: null,
  balancedness: null,
  kvUseMost: null,
  lostRanks: 0,
  fullestShard: 1,
  shards: 4,
  readyShards: 4,
};

/** What yields the part done, run to its end. */
export function done<T>(steps: Generator<number, T>): T {
  for (;;) {
    const next = steps.next();
    if (next.done === true) return next.value;
  }
}
