import { join } from "node:path";
import { Command, Option } from "commander";
import { countOption, jsonOption } from "../../src/cli/options.ts";
import { output, writeOutput } from "../../src/cli/output.ts";
import type { Bench } from "./bench.ts";
import { benchInput } from "./bench-input.ts";
import { aimMet, type BenchTable, tableJson, tableText } from "./bench-table.ts";

const DEFAULT_SEED = 1;

interface BenchOptions {
  readonly only?: string;
  readonly seed: number;
  readonly out?: string;
  readonly json?: true;
}

/** The tables of a benchmark by name, in the order they are computed. */
export type BenchTables = Readonly<Record<string, (bench: Bench) => BenchTable | Promise<BenchTable>>>;

export function benchCommand(name: string, description: string, tables: BenchTables): Command {
  return new Command(name)
    .description(description)
    .addOption(new Option("--only <table>", "this table alone").choices(Object.keys(tables)))
    .addOption(countOption("--seed <n>", "of everything that is drawn").default(DEFAULT_SEED))
    .option("--out <dir>", "also write every table there, as JSON")
    .addOption(jsonOption())
    .showHelpAfterError(false)
    .exitOverride()
    .action((options: BenchOptions) => run(tables, options));
}

async function run(tables: BenchTables, options: BenchOptions): Promise<void> {
  const { json, result, progress } = output(options.json ?? false);
  const input = await benchInput(options.seed);
  const bench: Bench = { input, seed: options.seed, progress };
  const names = options.only === undefined ? Object.keys(tables) : [options.only];
  const reports: Record<string, object> = {};
  const texts: string[] = [`Loads: ${input.source.loads}\nStream: ${input.source.stream}`];
  const missed: string[] = [];
  for (const name of names) {
    const table = await tables[name](bench);
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
