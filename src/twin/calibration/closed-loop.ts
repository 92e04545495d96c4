import { BALANCE_POLICIES } from "../../core/planning/balance-policy.ts";
import { Balancer } from "../../core/planning/balancer.ts";
import type { Hardware } from "../../core/cost/hardware.ts";
import { Rng } from "../../lib/rng.ts";
import type { Gpu } from "../../model/gpu.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import { servedIn } from "../../model/serving-precision.ts";
import type { Topology } from "../../model/topology.ts";
import type { PoolRole } from "../pool/pool-role.ts";
import type { RoutingSource } from "../routing-source.ts";
import { SimulatedPool } from "../simulated-pool.ts";
import { type BenchmarkSettings, benchmarkSettings } from "./benchmark-settings.ts";
import type { Constants } from "./constants.ts";
import { gpuHardware } from "./gpu-hardware.ts";
import { LoopClients } from "./loop-clients.ts";
import { LoopEngine } from "./loop-engine.ts";
import type { ServingPoint, ServingTimes, Workers } from "./serving-point.ts";

/** Placements stay: longer than any run. */
const NEVER_MS = 1e12;
const NODE_GPUS = 8;

export interface ClosedLoopRun extends ServingTimes {
  readonly steps: number;
  readonly requests: number;
  readonly virtualMs: number;
}

/**
 * The twin itself in a benchmark: so many clients, each with one request after the other, on simulated engines, step by
 * step. Nothing is known of queues beforehand: prompts, chunks and answers meet in the pools' steps. Of engines that are
 * alike and do both, one is run with its part of the clients; where prompts are computed apart, all are.
 * @param routing of `servedModel(point)`
 * @returns null where a request is longer than what a rank has room for
 */
export function closedLoop(
  point: ServingPoint,
  constants: Constants,
  routing: RoutingSource,
  seed: number,
  settings = benchmarkSettings(point),
): ClosedLoopRun | null {
  const { prefill, decode, gpu, concurrency, gpus } = point;
  const model = servedModel(point);
  const hardware = gpuHardware(gpu, constants);
  const longest = point.isl + point.osl;
  const make = (role: PoolRole, workers: Workers, on: Hardware) =>
    engineOf({ role, workers, model, gpu, hardware: on, routing, seed, settings, longest });
  const makeAll = (role: PoolRole, workers: Workers, on: Hardware) =>
    Array.from({ length: workers.count }, () => make(role, workers, on));
  // Nobody's answers are held up where prompts are alone, nor do versions' factors on TPOT say anything of them.
  const undisturbed = gpuHardware(gpu, { ...constants, interference: 1, tpot: 1 });
  const first =
    prefill === null ? [make("mixed", decode, hardware)] : makeAll("prefill", prefill, undisturbed);
  const then = prefill === null ? [] : makeAll("decode", decode, hardware);
  const [firsts, thens] = [present(first), present(then)];
  if (firsts === null || thens === null) return null;
  const clients = Math.max(1, Math.round(concurrency / (prefill === null ? decode.count : 1)));
  const { nvlinkBandwidth, rdmaBandwidth, domainGpus } = hardware;
  const loop = new LoopClients(
    { ...point, clients, together: settings.together, rounds: settings.rounds },
    { prompts: firsts, answers: thens },
    { beforeMs: 1000 * constants.first, kvBandwidth: gpus <= domainGpus ? nvlinkBandwidth : rdmaBandwidth },
    new Rng(seed, 8),
  );
  loop.run();
  return loop.result();
}

/** The model as the point's engine runs it: in its precision, without layers for multi-token prediction. */
export function servedModel({ model, precision }: Pick<ServingPoint, "model" | "precision">): MoeModel {
  const { moeLayers, layers } = model;
  const decoded = { ...model, moeLayers: moeLayers.filter((layer) => layer < layers), mtpLayers: 0 };
  return servedIn(decoded, precision);
}

interface EngineParts {
  readonly role: PoolRole;
  readonly workers: Workers;
  readonly model: MoeModel;
  readonly gpu: Gpu;
  readonly hardware: Hardware;
  readonly routing: RoutingSource;
  readonly seed: number;
  readonly settings: BenchmarkSettings;
  readonly longest: number;
}

/** Null where it has no room for the longest request. */
function engineOf(parts: EngineParts): LoopEngine | null {
  const { role, workers, model, gpu, hardware, routing, seed, settings, longest } = parts;
  const units = unitsOf(model, workers, gpu);
  const cadence = { sharesMs: NEVER_MS, placementMs: NEVER_MS };
  const { current } = new Balancer(model, units, BALANCE_POLICIES.none, cadence, 0);
  const engine = { shape: { attentionTp: workers.tp, moeTp: workers.moeTp }, overlaps: settings.overlaps };
  const { batching } = settings;
  const pool = new SimulatedPool(
    { model, routing, dispatch: "even", seed, hardware, fidelity: "analytic", engine, batching, role },
    current,
  );
  if (pool.maxRequestTokens < longest) return null;
  return new LoopEngine(pool, role, settings);
}

function present<T>(all: readonly (T | null)[]): readonly T[] | null {
  const there = all.filter((one) => one !== null);
  return there.length === all.length ? there : null;
}

/** Expert units of an engine: its GPUs, or groups of them that share each expert; of several nodes, as many on each. */
function unitsOf({ experts }: MoeModel, { tp, dp, ep }: Workers, { scaleUp }: Gpu): Topology {
  const nodes = tp * dp <= scaleUp.gpus ? 1 : (tp * dp) / NODE_GPUS;
  const divides = Number.isInteger(nodes) && ep % nodes === 0;
  const count = divides ? nodes : 1;
  return { nodes: count, gpusPerNode: ep / count, slotsPerGpu: Math.ceil(experts / ep) };
}
