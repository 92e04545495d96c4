import Table from "cli-table3";
import { Command } from "commander";
import type { Config, OpenAiPoolConfig, PoolConfig } from "../config/config.ts";
import { loadConfig } from "../config/load-config.ts";
import { OpenAiEngine } from "../engines/openai/openai-engine.ts";
import type { Shard } from "../serving/engine.ts";
import { jsonOption } from "./options.ts";
import { output } from "./output.ts";

interface CheckFlags {
  readonly config?: string;
  readonly json?: true;
}

/** What was found of one thing the gateway depends on. */
interface Finding {
  readonly pool: string;
  /** A shard, or what stands for it. */
  readonly what: string;
  readonly reachable: boolean;
  /** One line. */
  readonly finding: string;
}

const FAILURE = 1;

/** `check`: is the configuration sound, and everything it names within reach? */
export function checkCommand(): Command {
  return new Command("check")
    .description("Validate a configuration and reach every engine it names, and the store.")
    .option("--config <file>", "configuration (default: config/default.yaml)")
    .addOption(jsonOption())
    .exitOverride()
    .action(check);
}

async function check(flags: CheckFlags): Promise<void> {
  const config = await loadConfig(flags.config ?? null, process.env);
  const engines = await Promise.all(config.pools.map((pool) => checkPool(pool, config)));
  const store = { pool: "", what: "store", reachable: true, finding: "in memory, in the gateway's process" };
  const findings = [...engines.flat(), store];
  const ok = findings.every(({ reachable }) => reachable);
  output(flags.json ?? false).result({ ok, findings }, table(findings));
  if (!ok) process.exitCode = FAILURE;
}

async function checkPool(pool: PoolConfig, config: Config): Promise<Finding[]> {
  if (pool.kind === "simulated") {
    const finding = "simulated in the gateway's process";
    return [{ pool: pool.name, what: pool.name, reachable: true, finding }];
  }
  const engine = new OpenAiEngine(pool.name, pool.urls, config.upstream);
  const findings = await Promise.all(engine.shards.map((shard) => checkShard(engine, shard, pool)));
  await engine.close();
  return findings;
}

/** A shard is reached when it lists every model its pool is asked for. */
async function checkShard(engine: OpenAiEngine, shard: Shard, pool: OpenAiPoolConfig): Promise<Finding> {
  const found = (reachable: boolean, finding: string) => ({
    pool: pool.name,
    what: shard.id,
    reachable,
    finding,
  });
  try {
    const listed = (await engine.modelsOf(shard)).map((card) => card.id);
    const missing = pool.models.filter((model) => !listed.includes(model));
    if (missing.length === 0) return found(true, `serves ${pool.models.join(", ")}`);
    return found(false, `does not list ${missing.join(", ")}; it lists ${listed.join(", ") || "nothing"}`);
  } catch (error) {
    return found(false, (error as Error).message);
  }
}

function table(findings: readonly Finding[]): string {
  const rows = new Table({ head: ["", "What", "Finding"], style: { head: [], border: [], compact: true } });
  for (const { what, reachable, finding } of findings) rows.push([reachable ? "ok" : "FAIL", what, finding]);
  return rows.toString();
}
