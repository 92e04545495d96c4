import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, Option } from "commander";
import { exitByOutcome } from "../../../src/cli/exit-code.ts";
import { countOption, jsonOption } from "../../../src/cli/options.ts";
import { output, writeOutput } from "../../../src/cli/output.ts";
import { type BenchTable, tableJson, tableText } from "../bench-table.ts";
import { amongTable } from "./among-table.ts";
import { backwardsTable } from "./backwards-table.ts";
import { coverageTable } from "./coverage-table.ts";
import { predictUnseen, readMeasuredPoints } from "./measured-candidates.ts";

/** One for each kind of pool, of those that the constants are fitted to. */
const SHIPPED_POINTS = fileURLToPath(new URL("../../../test/golden/serving-points.csv", import.meta.url));
const TABLES = ["among", "coverage", "backwards"] as const;

interface Flags {
  readonly measured?: string;
  readonly all?: true;
  readonly points?: number;
  readonly only?: (typeof TABLES)[number];
  readonly seed: number;
  readonly out?: string;
  readonly json?: true;
}

const command = new Command("bench:plan")
  .description("How far a plan's choice can be trusted: measured points asked backwards.")
  .option(
    "--measured <file>",
    "measured points (CSV; docs/calibration.md has the columns); without it the nine that ship, which no choice is among",
  )
  .addOption(new Option("--only <table>", "this table alone").choices(TABLES))
  .option("--all", "every measured point is asked backwards, not one of each configuration (hours)")
  .addOption(countOption("--points <n>", "the first so many of those that are asked backwards"))
  .addOption(countOption("--seed <n>", "of everything that is drawn").default(1))
  .option("--out <dir>", "also write every table there, as JSON")
  .addOption(jsonOption())
  .showHelpAfterError(false)
  .exitOverride()
  .action(run);

await exitByOutcome(() => command.parseAsync());

async function run({ measured, all, points: most, only, seed, out, json }: Flags): Promise<void> {
  const { result, progress } = output(json ?? false);
  const points = await readMeasuredPoints(measured ?? SHIPPED_POINTS);
  const tables: Record<(typeof TABLES)[number], () => BenchTable | Promise<BenchTable>> = {
    among: async () => amongTable(await predictUnseen(points, progress), seed),
    coverage: () => coverageTable(points),
    backwards: () => backwardsTable(points, { seed, every: all === true, most, progress }),
  };
  const reports: Record<string, object> = {};
  const texts: string[] = [];
  const usual = TABLES.filter((name) => measured !== undefined || name !== "among");
  for (const name of only === undefined ? usual : [only]) {
    const table = await tables[name]();
    const report = { seed, ...tableJson(table) };
    if (out !== undefined)
      await writeOutput(join(out, `${name}.json`), `${JSON.stringify(report, null, 2)}\n`);
    reports[name] = report;
    texts.push(tableText(table));
  }
  result(reports, texts.join("\n\n"));
}
