import { InputError } from "../lib/errors.ts";
import type { RoutingPolicy } from "../model/routing-policy.ts";
import { slotCount } from "../model/topology.ts";
import type { ExpertGroup, PoolConfig, ServerPoolConfig, ServersConfig } from "./config.ts";
import type { WrittenPool } from "./pool-schema.ts";
import { loadModel, loadTopology } from "./shapes.ts";

type ServedPool = Exclude<WrittenPool, { kind: "simulated" }>;

interface WrittenServers {
  readonly urls: readonly string[];
  readonly dataParallelSize?: number | undefined;
  readonly rankOffsets?: readonly number[] | undefined;
}

/** SGLang's own default for `--disaggregation-bootstrap-port`. */
const BOOTSTRAP_PORT = 8998;
/** A dump makes all ranks of a server meet. */
const RECORDER_MS = 10_000;

/**
 * The pools of a configuration, with what they name: shapes, policies, keys.
 * @param source the file they are written in
 * @throws InputError
 */
export async function readPools(
  written: readonly WrittenPool[],
  policy: RoutingPolicy,
  source: string,
  environment: NodeJS.ProcessEnv,
): Promise<readonly PoolConfig[]> {
  const pools: PoolConfig[] = [];
  for (const [i, pool] of written.entries())
    pools.push(await readPool(pool, policy, { source, field: `pools[${i}]` }, environment));
  return pools;
}

/** Where a pool is written. */
interface Place {
  readonly source: string;
  readonly field: string;
}

async function readPool(
  pool: WrittenPool,
  defaultPolicy: RoutingPolicy,
  place: Place,
  environment: NodeJS.ProcessEnv,
): Promise<PoolConfig> {
  const { name, policy = defaultPolicy, maxRequestsPerShard = 0 } = pool;
  if (pool.kind === "simulated") {
    const { kind, seed } = pool;
    const experts = await expertGroup(pool, place);
    return { kind, name, models: [experts.model.name], policy, maxRequestsPerShard, experts, seed };
  }
  const { kind, models } = pool;
  const apiKey = readKey(pool, place, environment);
  const pair = pairOf(pool, place);
  if (pair !== null) return { ...pair, name, models, maxRequestsPerShard, apiKey };
  const experts =
    pool.experts === undefined
      ? null
      : await expertGroup(pool.experts, { ...place, field: `${place.field}.experts` });
  const { urls, ...ranks } = pool;
  if (urls === undefined)
    throw fault(place, "urls", "is missing; expected the servers, or those of `prefill` and of `decode`");
  const servers = readServers({ ...ranks, urls }, place);
  const routedExperts = pool.experts?.routedExperts ?? 0;
  if (routedExperts > 0 && kind === "trtllm")
    throw fault(place, "experts.routedExperts", "is for servers that tell; TensorRT-LLM's do not");
  const recorder = readRecorder(pool, place);
  return {
    kind,
    name,
    models,
    policy,
    maxRequestsPerShard,
    apiKey,
    servers,
    experts,
    routedExperts,
    recorder,
  };
}

function readRecorder({ kind, experts }: ServedPool, place: Place): ServerPoolConfig["recorder"] {
  if (experts?.recorder === undefined) return null;
  if (kind !== "sglang") throw fault(place, "experts.recorder", "is SGLang's; remove it");
  const { directory, intervalMs = RECORDER_MS } = experts.recorder;
  return { directory, intervalMs };
}

/** What a disaggregated pool has in place of `urls`; null for a pool that is none. */
function pairOf(pool: ServedPool, place: Place) {
  if (pool.kind === "openai" || pool.kind === "trtllm") return null;
  const { prefill, decode, prefillPolicy = "prefill", decodePolicy = "decode" } = pool;
  if (prefill === undefined && decode === undefined) {
    refuse(pool, ["prefillPolicy", "decodePolicy"], "is for pools with `prefill` and `decode`", place);
    return null;
  }
  if (prefill === undefined) throw fault(place, "prefill", "is missing; expected the servers that prefill");
  if (decode === undefined) throw fault(place, "decode", "is missing; expected the servers that decode");
  const whole = ["urls", "dataParallelSize", "rankOffsets", "policy", "experts"];
  refuse(pool, whole, "is for pools without `prefill` and `decode`", place);
  const at = (role: string) => ({ ...place, field: `${place.field}.${role}` });
  return {
    kind: "disaggregated",
    engine: pool.kind,
    prefill: { ...readServers(prefill, at("prefill")), bootstrapPorts: readPorts(pool, at("prefill")) },
    decode: readServers(decode, at("decode")),
    prefillPolicy,
    decodePolicy,
  } as const;
}

function refuse(pool: ServedPool, settings: readonly string[], why: string, place: Place): void {
  for (const setting of settings) if (setting in pool) throw fault(place, setting, `${why}; remove it`);
}

function readServers(
  { urls, dataParallelSize = 1, rankOffsets }: WrittenServers,
  place: Place,
): ServersConfig {
  const offsets = rankOffsets ?? urls.map(() => 0);
  checkLength(offsets, urls, { ...place, field: `${place.field}.rankOffsets` });
  return { urls, dataParallelSize, rankOffsets: offsets, bootstrapPorts: [] };
}

/** Where SGLang's prefill servers wait for their decode servers; vLLM's tell their own. */
function readPorts(pool: ServedPool, place: Place): readonly number[] {
  if (pool.kind !== "sglang" || pool.prefill === undefined) return [];
  const { urls, bootstrapPorts } = pool.prefill;
  const ports = bootstrapPorts ?? urls.map(() => BOOTSTRAP_PORT);
  checkLength(ports, urls, { ...place, field: `${place.field}.bootstrapPorts` });
  return ports;
}

function checkLength(list: readonly number[], urls: readonly string[], { source, field }: Place): void {
  if (list.length !== urls.length)
    throw new InputError(
      source,
      field,
      `has ${list.length} numbers; expected one for each of ${urls.length} URLs`,
    );
}

function readKey({ apiKeyEnv }: ServedPool, place: Place, environment: NodeJS.ProcessEnv): string | null {
  if (apiKeyEnv === undefined) return null;
  const key = environment[apiKeyEnv];
  if (key === undefined || key === "")
    throw fault(place, "apiKeyEnv", `names ${apiKeyEnv}, which is not set; expected a variable with the key`);
  return key;
}

async function expertGroup(
  names: { readonly model: string; readonly topology: string },
  place: Place,
): Promise<ExpertGroup> {
  const [model, topology] = await Promise.all([loadModel(names.model), loadTopology(names.topology)]);
  const slots = slotCount(topology);
  if (slots < model.experts) {
    const mend = `has ${slots} slots; expected at least the ${model.experts} experts of ${model.name}`;
    throw fault(place, "topology", mend);
  }
  return { model, topology };
}

function fault(place: Place, setting: string, mend: string): InputError {
  return new InputError(place.source, `${place.field}.${setting}`, mend);
}
