import Table from "cli-table3";
import { Command } from "commander";
import type { Config, PoolConfig } from "../config/config.ts";
import { configJsonSchema } from "../config/json-schema.ts";
import { defaultSettings, loadConfig } from "../config/load-config.ts";
import { openEngine, openPair } from "../open-engine.ts";
import { openStore } from "../open-store.ts";
import type { Engine, EngineServer } from "../serving/engine.ts";
import { shardReports } from "../serving/health/shard-reports.ts";
import { jsonOption } from "./options.ts";
import { output } from "./output.ts";

interface CheckFlags {
  readonly config?: string;
  readonly schema?: true;
  readonly json?: true;
}

/** What was found of one thing the gateway depends on. */
interface Finding {
  readonly pool: string;
  /** A server, a shard, or what stands for it. */
  readonly what: string;
  readonly reachable: boolean;
  /** What the gateway can do without, and will; null when nothing is lacking. */
  readonly warning: string | null;
  /** One line. */
  readonly finding: string;
}

const FAILURE = 1;
/** Those who check wait for it; an engine that takes longer is in trouble. */
const WITHIN_MS = 5000;

/** `check`: is the configuration sound, and everything it names within reach? */
export function checkCommand(): Command {
  return new Command("check")
    .description("Validate a configuration and reach every engine it names, and the store.")
    .option("--config <file>", "configuration (default: config/default.yaml)")
    .option("--schema", "print the JSON Schema of a configuration, and check nothing")
    .addOption(jsonOption())
    .exitOverride()
    .action(check);
}

async function check(flags: CheckFlags): Promise<void> {
  const { result } = output(flags.json ?? false);
  if (flags.schema === true) {
    const schema = configJsonSchema(await defaultSettings());
    return result(schema, JSON.stringify(schema, null, 2));
  }
  const config = await loadConfig(flags.config ?? null, process.env);
  const engines = await Promise.all(config.pools.map((pool) => checkPool(pool, config)));
  const findings = [...engines.flat(), await checkStore(config)];
  const ok = findings.every(({ reachable }) => reachable);
  result({ ok, findings }, table(findings));
  if (!ok) process.exitCode = FAILURE;
}

/** A store is reached when it gives what it has of a pool. */
async function checkStore({ store, pools }: Config): Promise<Finding> {
  const opened = await openStore(store);
  try {
    const { epoch } = await opened.pool(pools[0].name).read();
    const where = store.address.kind === "memory" ? "in memory, in the gateway's process" : opened.name;
    return found("", "store", epoch === 0 ? where : `${where}; pool ${pools[0].name} is at epoch ${epoch}`);
  } catch (error) {
    return missed("", "store", `${opened.name}: ${(error as Error).message}`);
  } finally {
    await opened.close();
  }
}

async function checkPool(pool: PoolConfig, { upstream }: Config): Promise<Finding[]> {
  if (pool.kind === "simulated") return [found(pool.name, pool.name, "simulated in the gateway's process")];
  const engines =
    pool.kind === "disaggregated" ? Object.values(openPair(pool, upstream)) : [openEngine(pool, upstream)];
  const findings = await Promise.all(engines.map((engine) => checkEngine(engine, pool.models)));
  await Promise.all(engines.map((engine) => engine.close()));
  return findings.flat();
}

async function checkEngine(engine: Engine, models: readonly string[]): Promise<Finding[]> {
  const findings = await Promise.all(
    engine.servers.map(async (server) => {
      try {
        return await checkServer(server, models);
      } catch (error) {
        return [missed(engine.pool, `${engine.pool}/${server.name}`, (error as Error).message)];
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
  if (missing.length > 0) {
    const others = listed.join(", ") || "nothing";
    return [
      missed(pool, `${pool}/${server.name}`, `does not list ${missing.join(", ")}; it lists ${others}`),
    ];
  }
  return server.shards.map(({ id }, i) => {
    const { ready, load, lack } = reports[i];
    const serves = `serves ${models.join(", ")}`;
    if (!ready) return missed(pool, id, `is not ready: ${lack ?? "it does not say why"}`);
    if (load === null) {
      const warning = `reports no load: ${lack ?? "it does not say why"}; will be routed by what is in flight`;
      return { ...found(pool, id, serves), warning };
    }
    const cache = load.kvUse === null ? "" : `, ${Math.round(load.kvUse * 100)} % of its cache in use`;
    return found(pool, id, `${serves}; ${load.running} running, ${load.waiting} waiting${cache}`);
  });
}

function found(pool: string, what: string, finding: string): Finding {
  return { pool, what, reachable: true, warning: null, finding };
}

function missed(pool: string, what: string, finding: string): Finding {
  return { ...found(pool, what, finding), reachable: false };
}

function table(findings: readonly Finding[]): string {
  const rows = new Table({ head: ["", "What", "Finding"], style: { head: [], border: [], compact: true } });
  for (const { what, reachable, warning, finding } of findings) {
    const mark = reachable ? (warning === null ? "ok" : "WARN") : "FAIL";
    rows.push([mark, what, warning === null ? finding : `${finding}; ${warning}`]);
  }
  return rows.toString();
}
