import { servedIn } from "../model/serving-precision.ts";
import { chooseGpu } from "./gpus/chosen-gpu.ts";
import type { InputError } from "../lib/errors.ts";
import type { ConsumerDispatch } from "../model/consumer-dispatch.ts";
import type { RoutingPolicy } from "../model/routing-policy.ts";
import { EQUAL_PART } from "../model/server-part.ts";
import type { ServerAccess, TlsSettings } from "../model/server-access.ts";
import type { ExpertGroup, PoolConfig, ServerPoolConfig, ServersConfig } from "./config.ts";
import type { DiscoverConfig, ServerRole } from "./discover-config.ts";
import { type DiscoverReading, type WrittenDiscover, readDiscover } from "./read-discover.ts";
import { type Place, faultAt, fieldName, inside } from "./place.ts";
import type { WrittenPool } from "./pool-schema.ts";
import { readKey } from "./read-key.ts";
import { readServerUrl } from "./server-url.ts";
import { loadModel } from "./shapes.ts";
import { loadEngineTopology, loadTopology } from "./topologies.ts";

export type ServedPool = Exclude<WrittenPool, { kind: "simulated" }>;

interface WrittenServers {
  readonly urls?: readonly string[] | undefined;
  readonly discover?: WrittenDiscover | undefined;
  readonly dataParallelSize?: number | undefined;
  readonly rankOffsets?: readonly number[] | undefined;
}

/** SGLang's own default for `--disaggregation-bootstrap-port`. */
const BOOTSTRAP_PORT = 8998;
/** How engines split tokens as they come; whoever reports for another kind of server goes by the shares. */
const DISPATCH: Readonly<Record<ServedPool["kind"], ConsumerDispatch>> = {
  openai: "shares",
  vllm: "even",
  sglang: "even",
  trtllm: "even",
};
const NO_SERVERS = "is missing; expected the servers, or `discover`, where they are found";
const NO_SERVERS_NOR_ROLES =
  "is missing; expected the servers, or those of `prefill` and of `decode`, or `discover`, where they are found";
/** A dump makes all ranks of a server meet. */
const RECORDER_MS = 10_000;

/** What pools are read with. */
export interface PoolReading extends DiscoverReading {
  /** For pools that name none. */
  readonly policy: RoutingPolicy;
  /** What the servers of a pool are believed by. @param place where the pool is written */
  readonly tlsOf: (written: ServedPool["tls"], place: Place) => TlsSettings | null;
  /** Receives what a person should know, one line each. */
  readonly note: (line: string) => void;
}

/**
 * The pools of a configuration, with what they name: shapes, policies, keys.
 * @param place where they are written
 * @throws InputError
 */
export async function readPools(
  written: readonly WrittenPool[],
  place: Place,
  reading: PoolReading,
): Promise<readonly PoolConfig[]> {
  const pools: PoolConfig[] = [];
  for (const [i, pool] of written.entries()) pools.push(await readPool(pool, inside(place, i), reading));
  return pools;
}

async function readPool(pool: WrittenPool, place: Place, reading: PoolReading): Promise<PoolConfig> {
  const { name, policy = reading.policy, maxRequestsPerShard = 0 } = pool;
  if (pool.kind === "simulated") {
    const { kind, seed, precision = null } = pool;
    const group = await expertGroup(pool, place, "priced", loadTopology);
    const experts = precision === null ? group : { ...group, model: servedIn(group.model, precision) };
    const gpu = await chooseGpu(pool.gpu, inside(place, "gpu"));
    const models = [experts.model.name];
    return { kind, name, models, policy, maxRequestsPerShard, experts, seed, gpu, precision };
  }
  const { kind, models } = pool;
  const apiKey =
    pool.apiKeyEnv === undefined
      ? null
      : readKey(pool.apiKeyEnv, inside(place, "apiKeyEnv"), reading.environment);
  const lacking = kind === "openai" || kind === "trtllm" ? NO_SERVERS : NO_SERVERS_NOR_ROLES;
  const servers = { ...reading, apiKey, tls: reading.tlsOf(pool.tls, place), role: null, lacking };
  const pair = pairOf(pool, place, servers);
  if (pair !== null) return { ...pair, name, models, maxRequestsPerShard, apiKey };
  const experts =
    pool.experts === undefined
      ? null
      : await expertGroup(pool.experts, inside(place, "experts"), DISPATCH[kind], loadEngineTopology);
  const routedExperts = pool.experts?.routedExperts ?? 0;
  if (routedExperts > 0 && kind === "trtllm")
    throw fault(
      inside(place, "experts"),
      "routedExperts",
      "is for servers that report them; TensorRT-LLM's do not",
    );
  const recorder = readRecorder(pool, place);
  return {
    kind,
    name,
    models,
    policy,
    maxRequestsPerShard,
    apiKey,
    servers: readServers(pool, place, servers),
    experts,
    routedExperts,
    recorder,
  };
}

function readRecorder({ kind, experts }: ServedPool, place: Place): ServerPoolConfig["recorder"] {
  if (experts?.recorder === undefined) return null;
  if (kind !== "sglang") throw fault(inside(place, "experts"), "recorder", "is SGLang's; remove it");
  const { directory, intervalMs = RECORDER_MS } = experts.recorder;
  return { directory, intervalMs };
}

/** What a disaggregated pool has in place of `urls`; null for a pool that is none. */
function pairOf(pool: ServedPool, place: Place, speaking: Speaking) {
  if (pool.kind === "openai" || pool.kind === "trtllm") return null;
  const { prefill, decode, prefillPolicy = "prefill", decodePolicy = "decode" } = pool;
  if (prefill === undefined && decode === undefined) {
    refuse(pool, ["prefillPolicy", "decodePolicy"], "is for pools with `prefill` and `decode`", place);
    return null;
  }
  if (prefill === undefined) throw fault(place, "prefill", "is missing; expected the servers that prefill");
  if (decode === undefined) throw fault(place, "decode", "is missing; expected the servers that decode");
  const whole = ["urls", "discover", "dataParallelSize", "rankOffsets", "policy", "experts"];
  refuse(pool, whole, "is for pools without `prefill` and `decode`", place);
  const ports = readPorts(pool, inside(place, "prefill"));
  const prefills = readServers(prefill, inside(place, "prefill"), {
    ...speaking,
    role: "prefill",
    lacking: NO_SERVERS,
  });
  const bootstrapPort = pool.kind === "sglang" ? BOOTSTRAP_PORT : null;
  const found = prefills.discover === null ? null : { ...prefills.discover, bootstrapPort };
  return {
    kind: "disaggregated",
    engine: pool.kind,
    prefill: { ...prefills, discover: found, bootstrapPorts: ports },
    decode: readServers(decode, inside(place, "decode"), {
      ...speaking,
      role: "decode",
      lacking: NO_SERVERS,
    }),
    prefillPolicy,
    decodePolicy,
  } as const;
}

function refuse(pool: ServedPool, settings: readonly string[], why: string, place: Place): void {
  for (const setting of settings) if (setting in pool) throw fault(place, setting, `${why}; remove it`);
}

/** How all servers of a pool are spoken to. */
interface Speaking extends Pick<PoolReading, "note">, DiscoverReading {
  readonly role: ServerRole;
  /** What to do where there are none. */
  readonly lacking: string;
  readonly apiKey: string | null;
  readonly tls: TlsSettings | null;
}

function readServers(
  { urls: written = [], discover, dataParallelSize = 1, rankOffsets }: WrittenServers,
  place: Place,
  speaking: Speaking,
): ServersConfig {
  const { apiKey, tls, note, role, lacking } = speaking;
  if (written.length === 0 && discover === undefined) throw fault(place, "urls", lacking);
  const offsets = rankOffsets ?? written.map(() => 0);
  checkLength(offsets, written, inside(place, "rankOffsets"));
  const urls: string[] = [];
  const access: ServerAccess[] = [];
  for (const [i, text] of written.entries()) {
    const at = inside(place, "urls", i);
    const { url, authorization, cut } = readServerUrl(text, at);
    if (authorization !== null && apiKey !== null)
      throw faultAt(at, "has a user or password beside the pool's `apiKeyEnv`; expected one of the two");
    if (cut) {
      const where = `${at.sourceOf(at.field)}: ${fieldName(at.field)}`;
      note(`${where} is taken without the /v1 at its end, which requests bring themselves: ${url}`);
    }
    urls.push(url);
    access.push({ host: null, authorization, tls });
  }
  const found: DiscoverConfig | null =
    discover === undefined
      ? null
      : {
          source: readDiscover(discover, role, inside(place, "discover"), speaking),
          access: { host: null, authorization: null, tls },
          bootstrapPort: null,
        };
  return {
    urls,
    access,
    names: urls.map(() => null),
    parts: urls.map(() => EQUAL_PART),
    discover: found,
    dataParallelSize,
    rankOffsets: offsets,
    bootstrapPorts: [],
  };
}

/** Where SGLang's prefill servers wait for their decode servers; vLLM's name their own. */
function readPorts(pool: ServedPool, place: Place): readonly number[] {
  if (pool.kind !== "sglang" || pool.prefill === undefined) return [];
  const { urls = [], bootstrapPorts } = pool.prefill;
  const ports = bootstrapPorts ?? urls.map(() => BOOTSTRAP_PORT);
  checkLength(ports, urls, inside(place, "bootstrapPorts"));
  return ports;
}

function checkLength(list: readonly number[], urls: readonly string[], place: Place): void {
  if (list.length === urls.length) return;
  throw faultAt(place, `has ${list.length} numbers; expected one for each of ${urls.length} URLs`);
}

async function expertGroup(
  names: {
    readonly model: string;
    readonly topology: string;
    readonly dispatch?: ConsumerDispatch | undefined;
  },
  place: Place,
  usual: ConsumerDispatch,
  load: typeof loadTopology,
): Promise<ExpertGroup> {
  const model = await loadModel(names.model, inside(place, "model"));
  const topology = await load(names.topology, model.experts, inside(place, "topology"));
  return { model, topology, dispatch: names.dispatch ?? usual };
}

function fault(place: Place, setting: string, hint: string): InputError {
  return faultAt(inside(place, setting), hint);
}
