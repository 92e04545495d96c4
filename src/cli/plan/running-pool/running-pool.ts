import { loadModel } from "../../../config/shapes.ts";
import { InputError } from "../../../lib/errors.ts";
import type { MoeModel } from "../../../model/moe-model.ts";
import { servedIn } from "../../../model/serving-precision.ts";
import type { FoundPool } from "../../../plans/running-pool/found-pool.ts";
import { type KnownPool, type ReadPool, readRunningPool } from "../../../plans/running-pool/running-pool.ts";
import { MODEL_FLAG } from "../../load-file.ts";
import { reportedLoad } from "./expert-load.ts";
import type { GatewayClient } from "./gateway-client.ts";
import { planInForce } from "./in-force.ts";
import type { PoolFlags } from "./pool-flags.ts";

/** Shares come round every five seconds unless somebody says otherwise, and a report with them. */
const REPORT_WITHIN_MS = 15_000;

/** What a pool consists of: by its gateway, and by options where that does not know. */
export type NamedPool = Pick<KnownPool, "model" | "gpu">;

/** @throws InputError in one line that names what is missing. Asks nothing of the gateway: it can be asked first. */
export async function namedPool({ front, name }: FoundPool, flags: PoolFlags): Promise<NamedPool> {
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
  return { model, gpu };
}

/** The pool as the twin runs it. @throws InputError */
export async function askRunningPool(
  client: GatewayClient,
  found: FoundPool,
  { model, gpu }: NamedPool,
  flags: PoolFlags,
  seed: number,
  signal: AbortSignal,
): Promise<ReadPool> {
  const { control, pool } = found.front;
  const plane = control === null ? NOT_KNOWN : await readPlane(client, pool, model, signal);
  return readRunningPool({ found, model, gpu, ...plane }, flags, seed);
}

type Plane = Pick<KnownPool, "plan" | "load">;
const NOT_KNOWN: Plane = { plan: null, load: null };

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
