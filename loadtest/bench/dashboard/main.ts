import { existsSync } from "node:fs";
import { availableParallelism, cpus, loadavg } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, Option } from "commander";
import { launchChromium } from "../../../harness/chromium.ts";
import { exitByOutcome } from "../../../src/cli/exit-code.ts";
import { countOption, jsonOption } from "../../../src/cli/options.ts";
import { output } from "../../../src/cli/output.ts";
import { InputError } from "../../../src/lib/errors.ts";
import { aimMet, type BenchTable, tableJson, tableText } from "../bench-table.ts";
import { bytesTable } from "./bytes.ts";
import { dayTable } from "./day.ts";
import { openingTable } from "./opening.ts";
import type { PageBuild } from "./page-build.ts";
import { steadyTable } from "./steady.ts";

const BUILT = "dist/dashboard";
const HERE = fileURLToPath(new URL("../../..", import.meta.url));
const DEFAULTS = { seed: 1, seconds: 15, rounds: 3, reports: 86_400 };
const TABLES = ["steady", "opening", "bytes", "day"] as const;

interface Flags {
  readonly only?: (typeof TABLES)[number];
  readonly before?: string;
  readonly seed: number;
  readonly seconds: number;
  readonly rounds: number;
  readonly reports: number;
  readonly json?: true;
}

const command = new Command("bench:dashboard")
  .description("The dashboard's page in Chromium: frames, tasks, first look, bytes, memory over a day.")
  .addOption(new Option("--only <table>", "this table alone").choices([...TABLES]))
  .option("--before <dir>", "another checkout, built: its page is measured in turn with this one's (steady)")
  .addOption(countOption("--seed <n>", "of the loads that are made up").default(DEFAULTS.seed))
  .addOption(
    countOption("--seconds <n>", "that each thing is done for, in each round").default(DEFAULTS.seconds),
  )
  .addOption(countOption("--rounds <n>", "each with a page that is opened anew").default(DEFAULTS.rounds))
  .addOption(countOption("--reports <n>", "of the day").default(DEFAULTS.reports))
  .addOption(jsonOption())
  .showHelpAfterError(false)
  .exitOverride()
  .action(run);

await exitByOutcome(() => command.parseAsync());

async function run(flags: Flags): Promise<void> {
  const { json, result, progress } = output(flags.json ?? false);
  const build: PageBuild = { name: "this", folder: join(HERE, BUILT) };
  const builds = flags.before === undefined ? [build] : [buildOf(flags.before), build];
  const load = loadavg()[0];
  const browser = await launchChromium();
  const tables: Record<string, BenchTable> = {};
  try {
    const bench = { ...flags, browser, build, builds, progress };
    const ways: Record<(typeof TABLES)[number], () => Promise<BenchTable>> = {
      steady: () => steadyTable(bench),
      opening: () => openingTable(bench),
      bytes: () => bytesTable(bench),
      day: () => dayTable(bench),
    };
    for (const name of TABLES)
      if (flags.only === undefined || flags.only === name) tables[name] = await ways[name]();
  } finally {
    await browser.close();
  }
  const about = `Chromium ${browser.version()}, painting in software on ${availableParallelism()} × ${cpus()[0]?.model ?? "unknown"}; load average before it began ${load.toFixed(1)}; seed ${flags.seed}`;
  const all = Object.values(tables);
  const missed = all.flatMap(({ aims }) => aims).filter((aim) => !aimMet(aim));
  const texts = [about, ...all.map(tableText), `${missed.length} aims missed`];
  const reports = Object.fromEntries(Object.entries(tables).map(([name, table]) => [name, tableJson(table)]));
  result({ about, ...flags, ...reports }, json ? "" : texts.join("\n\n"));
}

function buildOf(checkout: string): PageBuild {
  const folder = resolve(checkout, BUILT);
  if (existsSync(join(folder, "index.html"))) return { name: "before", folder };
  throw new InputError(checkout, "--before", `has no ${BUILT}: run \`npm run build:dashboard\` there`);
}
