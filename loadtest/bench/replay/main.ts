import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { exitByOutcome } from "../../../src/cli/exit-code.ts";
import { countOption, jsonOption, positiveOption } from "../../../src/cli/options.ts";
import { output } from "../../../src/cli/output.ts";
import { stoppable } from "../../../src/cli/stoppable.ts";
import { InputError } from "../../../src/lib/errors.ts";
import { tableJson, tableText } from "../bench-table.ts";
import { aiperf } from "./aiperf.ts";
import { CELLS, type Cell, cellText } from "./cells.ts";
import type { LoadTool } from "./load-tool.ts";
import { plimsollReplay } from "./plimsoll-replay.ts";
import { runReplayBench } from "./replay-bench.ts";
import { replayTables } from "./replay-tables.ts";

const WARM_UP_SECONDS = 2;
const DEFAULTS = { loads: ["low", "high"], repeats: 3, seconds: 20, seed: 1 };
const HOW_TO_GET_AIPERF =
  "python3 -m venv DIR && DIR/bin/pip install aiperf (Python 3.11 to 3.13), then --aiperf DIR/bin/aiperf";
const INTERRUPTED = 130;

interface Flags {
  readonly aiperf?: string;
  readonly loads: readonly string[];
  readonly repeats: number;
  readonly seconds: number;
  readonly seed: number;
  readonly keep?: string;
  readonly json?: true;
}

const command = new Command("bench:replay")
  .description(
    "replay and aiperf on the same trace against the same server of known timing, in turn in one run.",
  )
  .option("--aiperf <file>", "aiperf's executable; without it replay is measured alone")
  .addOption(
    new Option("--loads <names>", `some of ${CELLS.map(({ name }) => name).join(",")}`)
      .argParser(loadNames)
      .default(DEFAULTS.loads, DEFAULTS.loads.join(",")),
  )
  .addOption(countOption("--repeats <n>", "of every load by every tool").default(DEFAULTS.repeats))
  .addOption(positiveOption("--seconds <s>", "in which requests of a run arrive").default(DEFAULTS.seconds))
  .addOption(countOption("--seed <n>", "of arrivals, lengths and the server's times").default(DEFAULTS.seed))
  .option("--keep <dir>", "leave the traces and the tools' own files there")
  .addOption(jsonOption())
  .showHelpAfterError(false)
  .exitOverride()
  .action(run);

await exitByOutcome(() => command.parseAsync());

async function run(flags: Flags): Promise<void> {
  if (!existsSync("/proc/self/smaps_rollup")) {
    throw new InputError("bench:replay", "", "reads CPU times and memory from /proc; run it on Linux");
  }
  const { result, progress } = output(flags.json ?? false);
  const cells = CELLS.filter(({ name }) => flags.loads.includes(name));
  const machine = machineText();
  const folder = await folderOf(flags.keep);
  try {
    const tools: LoadTool[] = [plimsollReplay];
    const missing =
      flags.aiperf === undefined ? `aiperf is left out. To measure it too: ${HOW_TO_GET_AIPERF}` : null;
    if (flags.aiperf !== undefined) tools.push(await aiperfAt(flags.aiperf, join(folder, "aiperf")));
    if (missing !== null) progress(missing);
    const { all, stopped } = await stoppable(async (signal) => ({
      all: await runReplayBench({
        ...flags,
        warmUpSeconds: WARM_UP_SECONDS,
        tools,
        cells,
        folder,
        progress,
        signal,
      }),
      stopped: signal.aborted,
    }));
    const about = [
      machine,
      ...cells.map(loadText(flags)),
      ...tools.map((tool) => tool.about),
      missing,
    ].filter((line) => line !== null);
    const tables = replayTables(all);
    const json = Object.fromEntries(Object.entries(tables).map(([name, table]) => [name, tableJson(table)]));
    const texts = [about.map((line) => `- ${line}`).join("\n"), ...Object.values(tables).map(tableText)];
    const runs = all.map(({ cell, tool, ...done }) => ({ load: cell.name, tool: tool.name, ...done }));
    result({ about, ...flags, ...json, runs }, texts.join("\n\n"));
    if (stopped) process.exitCode = INTERRUPTED;
  } finally {
    if (flags.keep === undefined) await rm(folder, { recursive: true });
  }
}

async function folderOf(keep: string | undefined): Promise<string> {
  if (keep === undefined) return mkdtemp(join(tmpdir(), "plimsoll-bench-"));
  const folder = resolve(keep);
  if (existsSync(folder)) throw new InputError(keep, "--keep", "is there already; name a folder that is not");
  await mkdir(folder, { recursive: true });
  return folder;
}

async function aiperfAt(file: string, folder: string): Promise<LoadTool> {
  try {
    return await aiperf(resolve(file), folder);
  } catch (error) {
    const said = (error as Error).message.split("\n")[0];
    throw new InputError(file, "--aiperf", `does not say its version (${said}); ${HOW_TO_GET_AIPERF}`);
  }
}

function machineText(): string {
  const model = cpus()[0]?.model ?? "unknown";
  return `${availableParallelism()} × ${model}, shared by the mock and the tool; load average before it began ${loadavg()[0].toFixed(1)}`;
}

function loadText({ seconds, repeats, seed }: Flags): (cell: Cell) => string {
  return (cell) =>
    `${cellText(cell)}; ${seconds} s of arrivals, ${repeats} runs of each tool in turn, seed ${seed}`;
}

function loadNames(text: string): string[] {
  const names = text.split(",");
  const known = CELLS.map(({ name }) => name);
  if (!names.every((name) => known.includes(name))) {
    throw new InvalidArgumentError(`Give some of ${known.join(", ")}, with commas between.`);
  }
  return names;
}
