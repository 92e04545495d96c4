import type { Config, PoolConfig, SimulatedPoolConfig } from "../config/config.ts";
import { whyNotServed } from "../core/cost/serving-room.ts";
import { nearestWord } from "../lib/edit-distance.ts";
import { oneLine } from "../lib/printable.ts";
import { openEngine, openPair } from "../open-engine.ts";
import type { Engine, EngineServer } from "../serving/engine.ts";
import { type ShardReport, shardReports } from "../serving/health/shard-reports.ts";
import { modelledHardware } from "../twin/calibration/gpu-hardware.ts";
import { type Finding, found, missed, warned } from "./finding.ts";
import { poolText } from "./pool-text.ts";

/** Those who check wait for it; an engine that takes longer is in trouble. */
const WITHIN_MS = 5000;
/** An engine with many adapters lists hundreds of models. */
const MOST_LISTED = 10;

/** Asks every server of a pool for its models and its state. */
export async function checkPool(pool: PoolConfig, { upstream }: Config): Promise<readonly Finding[]> {
  if (pool.kind === "simulated") return [checkSimulated(pool)];
  const engines =
    pool.kind === "disaggregated" ? Object.values(openPair(pool, upstream)) : [openEngine(pool, upstream)];
  const findings = await Promise.all(engines.map((engine) => checkEngine(engine, pool.models)));
  await Promise.all(engines.map((engine) => engine.close()));
  return findings.flat();
}

function checkSimulated({ name, gpu, experts: { model, topology } }: SimulatedPoolConfig): Finding {
  const hardware = modelledHardware(model, gpu);
  const why = whyNotServed(model, topology, hardware);
  if (why !== null) return missed(name, name, why);
  return found(name, name, `simulated in the gateway's process: ${poolText(model, topology, hardware)}`);
}

async function checkEngine(engine: Engine, models: readonly string[]): Promise<Finding[]> {
  const findings = await Promise.all(
    engine.servers.map(async (server) => {
      try {
        return await checkServer(server, models);
      } catch (error) {
        const { message, cause } = error as Error;
        return [missed(engine.pool, `${engine.pool}/${server.name}`, message + adviceOn(cause))];
      }
    }),
  );
  return findings.flat();
}

/** A server is reached when it lists every model its pool is asked for; then each of its ranks must be ready. */
async function checkServer(server: EngineServer, models: readonly string[]): Promise<Finding[]> {
  const signal = AbortSignal.timeout(WITHIN_MS);
  const [{ pool }] = server.shards;
  const [cards, reports] = await Promise.all([server.models(signal), shardReports(server, signal)]);
  const listed = cards.map((card) => card.id);
  const missing = models.filter((model) => !listed.includes(model));
  if (missing.length > 0) return [missed(pool, `${pool}/${server.name}`, unlisted(missing, listed))];
  return server.shards.map(({ id }, i) => ofShard(pool, id, `serves ${models.join(", ")}`, reports[i]));
}

function ofShard(pool: string, id: string, serves: string, { ready, load, lack }: ShardReport): Finding {
  const why = lack ?? "it does not say why";
  if (!ready) return missed(pool, id, `is not ready: ${why}`);
  if (load === null)
    return warned(found(pool, id, serves), `reports no load: ${why}; will be routed by what is in flight`);
  const cache = load.kvUse === null ? "" : `, ${Math.round(load.kvUse * 100)} % of its cache in use`;
  return found(pool, id, `${serves}; ${load.running} running, ${load.waiting} waiting${cache}`);
}

function unlisted(missing: readonly string[], listed: readonly string[]): string {
  const shown = listed.slice(0, MOST_LISTED).map((id) => oneLine(id, 80));
  const others = listed.length > MOST_LISTED ? `, and ${listed.length - MOST_LISTED} more` : "";
  const meant = nearestWord(missing[0], listed);
  const hint =
    meant === null
      ? "correct the pool's `models`, or start it with `--served-model-name`"
      : `did you mean \`${oneLine(meant, 80)}\` in the pool's \`models\`?`;
  return `does not list ${missing.join(", ")}; it lists ${shown.join(", ") || "nothing"}${others}: ${hint}`;
}

/** What to do about an answer that is none, by its status. */
function adviceOn(cause: unknown): string {
  if (typeof cause !== "object" || cause === null || !("status" in cause)) return "";
  const status = Number(cause.status);
  if (status === 401 || status === 403)
    return " It wants a key: name the variable that holds it in the pool's `apiKeyEnv`, and see that it is the server's.";
  if (status === 404)
    return " Is the URL the server's own, without a path? What precedes /v1 there belongs into it, and nothing else.";
  if (status >= 300 && status < 400) return " It sends elsewhere: name the URL that it sends to.";
  if (status === 429) return " It takes no more requests now.";
  if (status >= 500) return " See its own log.";
  return "";
}
