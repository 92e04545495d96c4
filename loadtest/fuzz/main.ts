import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import Table from "cli-table3";
import { Command } from "commander";
import { exitByOutcome } from "../../src/cli/exit-code.ts";
import { countOption, jsonOption, positiveOption } from "../../src/cli/options.ts";
import { output } from "../../src/cli/output.ts";
import { InputError } from "../../src/lib/errors.ts";
import { ALL_PARSERS } from "../../harness/fuzz/all-parsers.ts";
import type { FoundFault } from "../../harness/fuzz/parser-fuzz.ts";
import { outcome } from "../../harness/fuzz/parser.ts";
import { type HeapPoint, heapSlope } from "../heap-slope.ts";
import type { ParserTally } from "./fuzz-thread.ts";
import { watchedFuzz } from "./watched-fuzz.ts";

interface FuzzOptions {
  readonly inputs: number;
  readonly seed: number;
  readonly only?: string;
  readonly input?: string;
  readonly out: string;
  readonly hangSeconds: number;
  readonly guided?: true;
  readonly json?: true;
}

const FAILURE = 1;
const MIB = 2 ** 20;
/** From the first quarter of a run on; code that is compiled and caches that fill up grow before it. */
const MOST_GROWTH_MIB = 16;

async function fuzz(options: FuzzOptions): Promise<void> {
  const parsers = chosen(options.only);
  if (options.input !== undefined) return readOne(options.input, parsers, options.json ?? false);
  const { inputs, seed, hangSeconds, guided, json } = options;
  const { progress, result } = output(json ?? false);
  const faults: FoundFault[] = [];
  const heap: HeapPoint[] = [];
  let tallies: readonly ParserTally[] = [];
  let reached = 0;
  const from = performance.now();
  const job = { parsers, inputs, seed, guided: guided === true };
  const { fault } = await watchedFuzz(job, hangSeconds * 1000, (report) => {
    ({ tallies, reached } = report);
    faults.push(...report.faults.map((one) => ({ ...one, input: Buffer.from(one.input) })));
    heap.push({ at: read(tallies), bytes: report.heapBytes });
    const seconds = (performance.now() - from) / 1000;
    progress(
      `${read(tallies)} inputs, ${(read(tallies) / seconds).toFixed(0)} a second, heap ${(report.heapBytes / MIB).toFixed(1)} MiB, ${reached} letters of source reached, ${faults.length} faults`,
    );
  });
  if (fault !== null) faults.push(fault);
  const files = await kept(faults, options.out);
  const growth = growthOf(heap);
  const seconds = (performance.now() - from) / 1000;
  const summary = `${read(tallies)} inputs to ${parsers.length} parsers in ${seconds.toFixed(0)} s, seed ${seed}: ${reached} letters of source reached; ${faults.length} faults; heap ${(growth.mibPerMillion).toFixed(2)} MiB for each million inputs, ${growth.mib.toFixed(1)} MiB in all`;
  const lines = faults.map(({ parser, words }, i) => `FAULT ${parser} ${words.split("\n")[0]} (${files[i]})`);
  result(
    {
      seed,
      seconds,
      reached,
      parsers: tallies,
      heap,
      growth,
      faults: faults.map(({ parser, words }, i) => ({ parser, words, file: files[i] })),
    },
    [table(tallies), ...lines, summary].join("\n"),
  );
  if (faults.length > 0 || growth.mib > MOST_GROWTH_MIB) process.exitCode = FAILURE;
}

function read(tallies: readonly ParserTally[]): number {
  return tallies.reduce((sum, { inputs }) => sum + inputs, 0);
}

function chosen(only: string | undefined): readonly string[] {
  const names = ALL_PARSERS.map(({ name }) => name);
  if (only === undefined) return names;
  const found = names.filter((name) => only.split(",").includes(name));
  if (found.length === only.split(",").length) return found;
  throw new InputError("--only", "", `is ${only}; expected names of ${names.join(", ")}`);
}

/** What is in use after the first quarter of a run, and what is added to it. */
function growthOf(heap: readonly HeapPoint[]): { readonly mibPerMillion: number; readonly mib: number } {
  const warm = heap.slice(Math.floor(heap.length / 4));
  const perInput = heapSlope(warm) / MIB;
  const inputs = (warm.at(-1)?.at ?? 0) - (warm[0]?.at ?? 0);
  return { mibPerMillion: perInput * 1e6, mib: perInput * inputs };
}

/** @returns where each fault's input is */
async function kept(faults: readonly FoundFault[], folder: string): Promise<string[]> {
  if (faults.length > 0) await mkdir(folder, { recursive: true });
  return Promise.all(
    faults.map(async ({ parser, input }, i) => {
      const path = join(folder, `${parser}-${i}`);
      await writeFile(path, input);
      return path;
    }),
  );
}

function table(tallies: readonly ParserTally[]): string {
  const rows = new Table({
    head: ["parser", "inputs", "refused", "reached something new", "µs each"],
    style: { head: [], border: [] },
  });
  for (const { name, inputs, refused, found, seconds } of tallies)
    rows.push([
      name,
      inputs,
      `${((100 * refused) / inputs).toFixed(1)} %`,
      found,
      ((seconds * 1e6) / inputs).toFixed(0),
    ]);
  return rows.toString();
}

/** Has parsers read an input that was kept. */
async function readOne(path: string, names: readonly string[], json: boolean): Promise<void> {
  const bytes = await readFile(path);
  const outcomes: Record<string, string> = {};
  for (const parser of ALL_PARSERS.filter(({ name }) => names.includes(name)))
    outcomes[parser.name] = await outcome(parser, Buffer.from(bytes));
  output(json).result(
    outcomes,
    Object.entries(outcomes)
      .map(([name, how]) => `${name}: ${how}`)
      .join("\n"),
  );
}

const command = new Command("fuzz")
  .description(
    "Change the bytes of valid files, bodies, streams and messages, and have every parser read them.",
  )
  .addOption(positiveOption("--inputs <n>", "over all parsers").default(1_000_000))
  .addOption(countOption("--seed <n>", "of everything that is drawn").default(1))
  .option("--only <names>", "these parsers, separated by commas")
  .option("--input <file>", "read one input that was kept, and nothing else")
  .option("--out <dir>", "where inputs are kept that a parser does not stand", "dist/fuzz")
  .addOption(positiveOption("--hang-seconds <s>", "how long one input may take").default(10))
  .option("--guided", "change inputs further that reach source which none had reached")
  .addOption(jsonOption())
  .exitOverride()
  .action(fuzz);

await exitByOutcome(() => command.parseAsync());
