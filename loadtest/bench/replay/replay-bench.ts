import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MockServer } from "../../../src/replay/self-test/mock-server.ts";
import { type Cell, cellText } from "./cells.ts";
import type { LoadTool } from "./load-tool.ts";
import { madeTrace, traceText } from "./made-trace.ts";
import { runTool, type Stand, type ToolRun } from "./tool-run.ts";

/** Beyond the trace's own length, for a tool to start, to wait for answers and to write its files. */
const ALLOWANCE_MS = 120_000;

export interface ReplayBench {
  /** The first warms the mock up. */
  readonly tools: readonly LoadTool[];
  readonly cells: readonly Cell[];
  readonly repeats: number;
  /** Of arrivals. */
  readonly seconds: number;
  readonly seed: number;
  /** Of arrivals before anything counts, for the mock's code to be compiled; 0 for none. */
  readonly warmUpSeconds: number;
  /** It is there: for the trace and every tool's files. */
  readonly folder: string;
  /** One line of progress. */
  readonly progress: (line: string) => void;
  /** No run begins once it is aborted. */
  readonly signal: AbortSignal;
}

/** A tool's runs in a cell, one for each repeat. */
export interface CellRuns {
  readonly cell: Cell;
  readonly tool: LoadTool;
  readonly runs: readonly ToolRun[];
  /** Why other runs have no figures. */
  readonly broken: readonly string[];
}

/** Every tool plays the same trace in every cell, in turn, so that a machine that slows down slows all of them. */
export async function runReplayBench(bench: ReplayBench): Promise<CellRuns[]> {
  const all: CellRuns[] = [];
  for (const cell of bench.cells) {
    if (!bench.signal.aborted) all.push(...(await runCell(bench, cell)));
  }
  return all;
}

async function runCell(bench: ReplayBench, cell: Cell): Promise<CellRuns[]> {
  const { tools, repeats, seconds, seed, progress, signal } = bench;
  await using mock = new MockServer();
  const { port } = await mock.listen(seed, cell.times);
  const folder = join(bench.folder, cell.name);
  await mkdir(folder);
  const stand = async (name: string, length: number): Promise<Stand> => {
    const rows = madeTrace(cell, length, seed);
    const trace = join(folder, `${name}.jsonl`);
    await writeFile(trace, traceText(rows));
    return { mock, url: `http://127.0.0.1:${port}`, rows, trace, limitMs: 1000 * length + ALLOWANCE_MS };
  };
  progress(cellText(cell));
  const done = tools.map((tool) => ({ cell, tool, runs: [] as ToolRun[], broken: [] as string[] }));
  if (bench.warmUpSeconds > 0) {
    try {
      await runTool(tools[0], await stand("warm-up", bench.warmUpSeconds), join(folder, "warm-up"));
    } catch (error) {
      // Ctrl-C is for the tools too.
      if (signal.aborted) return done;
      throw error;
    }
  }
  const measured = await stand("trace", seconds);
  for (let repeat = 1; repeat <= repeats; repeat++) {
    for (const { tool, runs, broken } of done) {
      if (signal.aborted) return done;
      progress(`${cell.name}, ${repeat}/${repeats}: ${tool.name}`);
      try {
        runs.push(await runTool(tool, measured, join(folder, `${tool.name}-${repeat}`)));
      } catch (error) {
        if (signal.aborted) return done;
        broken.push((error as Error).message);
        progress(`${tool.name}: ${broken.at(-1)}`);
      }
    }
  }
  return done;
}
