import { access, constants, stat } from "node:fs/promises";
import { dirname } from "node:path";
import Table from "cli-table3";
import { Command } from "commander";
import type { Config } from "../config/config.ts";
import { configJsonSchema } from "../config/json-schema.ts";
import { loadConfig } from "../config/load-config.ts";
import { lookUpSrv } from "../discovery/dns-source.ts";
import { FoundServers } from "../discovery/found-servers.ts";
import { lookUp } from "../discovery/lookup.ts";
import { ServerNames } from "../discovery/server-names.ts";
import { withServers } from "../discovery/server-watch.ts";
import { lookIntoStore } from "../open-store.ts";
import { checkAccess } from "./check-access.ts";
import { checkCollector } from "./check-collector.ts";
import { checkPicker } from "./check-picker.ts";
import { checkPool } from "./check-pool.ts";
import { configOption, configPath } from "./config-option.ts";
import { type Finding, found, missed, warned } from "./finding.ts";
import { jsonOption } from "./options.ts";
import { output } from "./output.ts";

interface CheckFlags {
  readonly config?: string;
  readonly schema?: true;
  readonly json?: true;
}

const FAILURE = 1;

/** `check`: is the configuration sound, and everything it names within reach? */
export function checkCommand(): Command {
  return new Command("check")
    .description("Validate a configuration and reach every engine it names, and the store.")
    .addOption(configOption())
    .option("--schema", "print the JSON Schema of a configuration, and check nothing")
    .addOption(jsonOption())
    .exitOverride()
    .action(check);
}

async function check(flags: CheckFlags): Promise<void> {
  const { result } = output(flags.json ?? false);
  if (flags.schema === true) {
    const schema = await configJsonSchema();
    return result(schema, JSON.stringify(schema, null, 2));
  }
  const written = await loadConfig(configPath(flags.config), process.env);
  const addresses: Finding[] = [];
  const finding = (what: string) => (line: string, isFound: boolean) =>
    void addresses.push((isFound ? found : missed)("", what, line));
  const discovered = new FoundServers(lookUpSrv, finding("discovery"));
  const names = new ServerNames(lookUp, finding("addresses"));
  const config = await withServers({ found: discovered, names }, written);
  for (const { line, servers } of discovered.found(written)) {
    const listed = found("", "discovery", line);
    if (servers !== null)
      addresses.push(servers > 0 ? listed : warned(listed, "requests are answered 503 until there is one"));
  }
  await discovered.keep(null);
  const servers = await Promise.all(config.pools.map((pool) => checkPool(pool, config)));
  const findings = [
    ...config.notes.map((note) => warned(found("", "configuration", "is taken"), note)),
    ...addresses,
    ...servers.flat(),
    ...(await checkAccess(config)),
    ...(await checkPicker(config)),
    await checkStore(config),
    ...(await checkCapture(config)),
    ...(await checkCollector(config)),
  ];
  const ok = findings.every(({ reachable }) => reachable);
  result({ ok, findings }, table(findings));
  if (!ok) process.exitCode = FAILURE;
}

/** A store is reached when it gives what it has of a pool. */
async function checkStore({ store, pools }: Config): Promise<Finding> {
  const opened = await lookIntoStore(store);
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

/** The folder, or the one that it is to be made in, can be written to. */
async function checkCapture({ capture: { directory } }: Config): Promise<readonly Finding[]> {
  if (directory === null) return [];
  try {
    const there = await stat(directory).catch(() => null);
    if (there?.isDirectory() === false) return [missed("", "capture", `${directory} is no folder`)];
    await access(there === null ? dirname(directory) : directory, constants.W_OK | constants.X_OK);
    return [found("", "capture", `requests are recorded in ${directory}`)];
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return [missed("", "capture", `${directory} cannot be written to (${code})`)];
  }
}

function table(findings: readonly Finding[]): string {
  const rows = new Table({ head: ["", "What", "Finding"], style: { head: [], border: [], compact: true } });
  for (const { what, reachable, warning, finding } of findings) {
    const mark = reachable ? (warning === null ? "ok" : "WARN") : "FAIL";
    rows.push([mark, what, warning === null ? finding : `${finding}; ${warning}`]);
  }
  return rows.toString();
}
