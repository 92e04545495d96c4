import { existsSync } from "node:fs";
import { cpus } from "node:os";
import { resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { exitByOutcome } from "../../../src/cli/exit-code.ts";
import { countOption, jsonOption, positiveOption } from "../../../src/cli/options.ts";
import { output } from "../../../src/cli/output.ts";
import { InputError } from "../../../src/lib/errors.ts";
import { aimMet, tableJson, tableText } from "../bench-table.ts";
import { bare } from "./bare.ts";
import { CELLS, cellName, QUICK_CELLS, WARM_UP_CELLS } from "./cells.ts";
import { direct } from "./direct.ts";
import { runGatewayBench } from "./gateway-bench.ts";
import { gatewayTables } from "./gateway-tables.ts";
import { nginx } from "./nginx.ts";
import { peers, roundRobinPeers } from "./peers.ts";
import { PLIMSOLL, plimsoll, plimsollBefore, plimsollCapture, plimsollTraced } from "./plimsoll.ts";
import { stageTables } from "./profile-stages.ts";
import type { Router } from "./router.ts";
import { namePattern } from "../name-pattern.ts";

const NAMES = [...routersOf({ before: "" }), ...othersOf({})].map(({ name }) => name);
const QUICK = { repeats: 1, seconds: 1, warmUp: 4 };
/** V8 compiles a gateway for its first 20 busy seconds or so, which costs as much CPU time as the requests. */
const DEFAULTS = { repeats: 3, seconds: 1.5, warmUp: 24 };

interface Flags {
  readonly only?: readonly string[];
  readonly quick?: true;
  readonly processes?: number;
  readonly repeats?: number;
  readonly cells?: RegExp;
  readonly seconds?: number;
  readonly warmUp?: number;
  readonly peers?: string;
  readonly profile?: string;
  readonly before?: string;
  readonly json?: true;
}

const command = new Command("bench:gateway")
  .description("The gateway beside other routers, before the same mock engines, in turn in one run.")
  .addOption(new Option("--only <routers>", `some of ${NAMES.join(",")}`).argParser(routerNames))
  .option("--quick", "fewer cells, one repeat of one second")
  .addOption(countOption("--processes <n>", "how often every router is started anew (default: 1)"))
  .addOption(countOption("--repeats <n>", `of every cell, in each process (default: ${DEFAULTS.repeats})`))
  .addOption(
    new Option("--cells <pattern>", 'only those whose name matches, such as "^whole, 64"').argParser(
      namePattern,
    ),
  )
  .addOption(
    positiveOption("--seconds <s>", `that are measured of every cell (default: ${DEFAULTS.seconds})`),
  )
  .addOption(
    positiveOption(
      "--warm-up <s>",
      `of every router, under load, before anything counts (default: ${DEFAULTS.warmUp})`,
    ),
  )
  .option(
    "--peers <dir>",
    "where the peers' executables are, such as a virtual environment's bin (default: PATH)",
  )
  .option("--before <dir>", "another checkout of Plimsoll, installed, to measure in the same run")
  .option(
    "--profile <dir>",
    "write a CPU profile of the gateway there, which slows it, and say where its time goes",
  )
  .addOption(jsonOption())
  .showHelpAfterError(false)
  .exitOverride()
  .action(run);

await exitByOutcome(() => command.parseAsync());

async function run(flags: Flags): Promise<void> {
  if (!existsSync("/proc/self/stat")) {
    throw new InputError("bench:gateway", "", "reads CPU times from /proc; run it on Linux");
  }
  const { result, progress } = output(flags.json ?? false);
  const defaults = flags.quick ? QUICK : DEFAULTS;
  const named = [...routersOf(flags), ...othersOf(flags)].filter(({ name }) => flags.only?.includes(name));
  const cells = (flags.quick ? QUICK_CELLS : CELLS).filter(
    (cell) => flags.cells?.test(cellName(cell)) ?? true,
  );
  if (cells.length === 0) throw new InputError("bench:gateway", "--cells", "matches no cell");
  const { measurements, about } = await runGatewayBench({
    routers: flags.only === undefined ? routersOf(flags) : named,
    cells,
    processes: flags.processes ?? 1,
    repeats: flags.repeats ?? defaults.repeats,
    windowMs: 1000 * (flags.seconds ?? defaults.seconds),
    warmUp: {
      cells: WARM_UP_CELLS,
      windowMs: (1000 * (flags.warmUp ?? defaults.warmUp)) / WARM_UP_CELLS.length,
    },
    progress,
  });
  const stages =
    flags.profile === undefined ? [] : await stageTables(resolve(flags.profile), measurements.of(PLIMSOLL));
  const tables = {
    ...gatewayTables(measurements.medians()),
    ...Object.fromEntries(stages.map((table, i) => [`stages${i}`, table])),
  };
  const cores = cpus();
  const machine = `${cores.length} × ${cores[0].model}, shared by routers, engines and load generator`;
  const missed = Object.values(tables).flatMap(({ aims }) => aims.filter((aim) => !aimMet(aim)));
  const json = Object.fromEntries(Object.entries(tables).map(([name, table]) => [name, tableJson(table)]));
  const texts = [
    [machine, ...about].map((line) => `- ${line}`).join("\n"),
    ...Object.values(tables).map(tableText),
    `${missed.length} aims missed`,
  ];
  result({ machine, routers: about, ...json }, texts.join("\n\n"));
}

function routersOf({ profile, peers: folder, before }: Flags): Router[] {
  const earlier = before === undefined ? [] : [plimsollBefore(resolve(before))];
  return [direct, nginx, plimsoll(null, folderOf(profile)), ...earlier, ...peers(folderOf(folder))];
}

/** What routing, recording and tracing cost beyond relaying, and what relaying does: measured where they are asked for by name. */
function othersOf({ profile, peers: folder }: Flags): Router[] {
  return [
    bare,
    plimsoll("round-robin", null),
    plimsollCapture(),
    plimsollTraced(1, folderOf(profile)),
    plimsollTraced(100, folderOf(profile)),
    ...roundRobinPeers(folderOf(folder)),
  ];
}

function folderOf(folder: string | undefined): string | null {
  return folder === undefined ? null : resolve(folder);
}

function routerNames(text: string): string[] {
  const names = text.split(",");
  for (const name of names) {
    if (!NAMES.includes(name))
      throw new InvalidArgumentError(`Give some of ${NAMES.join(", ")}, with commas between.`);
  }
  return names;
}
