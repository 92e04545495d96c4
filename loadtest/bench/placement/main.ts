import { join } from "node:path";
import { Command, Option } from "commander";
import { exitByOutcome } from "../../../src/cli/exit-code.ts";
import { countOption, jsonOption } from "../../../src/cli/options.ts";
import { output, writeOutput } from "../../../src/cli/output.ts";
import { activationTable } from "./activation.ts";
import type { Bench } from "./bench.ts";
import { benchInput } from "./bench-input.ts";
import { aimMet, type BenchTable, tableJson, tableText } from "./bench-table.ts";
import { driftTable } from "./drift.ts";
import { eventLoopTable } from "./event-loop-table.ts";
import { forecastTable } from "./forecast.ts";
import { hopsTable } from "./hops.ts";
import { movesTable } from "./moves.ts";
import { qualityTable } from "./quality.ts";
import { timeTable } from "./time.ts";

const TABLES: Readonly<Record<string, (bench: Bench) => BenchTable | Promise<BenchTable>>> = {
  quality: (bench) => qualityTable(bench),
  drift: (bench) => driftTable(bench),
  forecast: (bench) => forecastTable(bench),
  hops: (bench) => hopsTable(bench),
  moves: (bench) => movesTable(bench),
  activation: (bench) => activationTable(bench),
  time: (bench) => timeTable(bench),
  "event-loop": eventLoopTable,
};
const DEFAULT_SEED = 1;

interface BenchOptions {
  readonly only?: string;
  readonly seed: number;
  readonly out?: string;
  readonly json?: true;
}

const command = new Command("bench:placement")
  .description("Plimsoll's placement beside DeepSeek's EPLB: quality, drift, hops, moves, decode and time.")
  .addOption(new Option("--only <table>", "this table alone").choices(Object.keys(TABLES)))
  .addOption(countOption("--seed <n>", "of everything that is drawn").default(DEFAULT_SEED))
  .option("--out <dir>", "also write every table there, as JSON")
  .addOption(jsonOption())
  .showHelpAfterError(false)
  .exitOverride()
  .action(run);

async function run(options: BenchOptions): Promise<void> {
  const { json, result, progress } = output(options.json ?? false);
  const input = await benchInput(options.seed);
  const bench: Bench = { input, seed: options.seed, progress };
  const names = options.only === undefined ? Object.keys(TABLES) : [options.only];
  const reports: Record<string, object> = {};
  const texts: string[] = [`Loads: ${input.source.loads}\nStream: ${input.source.stream}`];
  const missed: string[] = [];
  for (const name of names) {
    const table = await TABLES[name](bench);
    const report = { seed: options.seed, source: input.source, ...tableJson(table) };
    if (options.out !== undefined) {
      await writeOutput(join(options.out, `${name}.json`), `${JSON.stringify(report, null, 2)}\n`);
    }
    reports[name] = report;
    texts.push(tableText(table));
    missed.push(...table.aims.filter((aim) => !aimMet(aim)).map(({ what }) => what));
  }
  if (!json) texts.push(`${missed.length} aims missed`);
  result(reports, texts.join("\n\n"));
}

await exitByOutcome(() => command.parseAsync());
