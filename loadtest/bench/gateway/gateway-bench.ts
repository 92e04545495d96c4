import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Cell, cellName, warmUpMs } from "./cells.ts";
import type { LoadFigures } from "./load.ts";
import { Measurements } from "./measurements.ts";
import { processTree } from "./process-usage.ts";
import { NotInstalled, type Router, type RunningRouter } from "./router.ts";
import { openStand, type Stand } from "./stand.ts";

export interface GatewayBench {
  readonly routers: readonly Router[];
  readonly cells: readonly Cell[];
  /** How often every router is started anew: two processes of one program differ by up to a tenth. */
  readonly processes: number;
  /** Of every cell, in each process. */
  readonly repeats: number;
  readonly windowMs: number;
  /** Every router goes through these before anything counts, for code to be compiled: each for so long. */
  readonly warmUp: { readonly cells: readonly Cell[]; readonly windowMs: number };
  /** One line of progress. */
  readonly progress: (line: string) => void;
}

export interface GatewayResults {
  readonly measurements: Measurements;
  /** What each router is and runs with, or why it was left out. */
  readonly about: readonly string[];
}

interface Started {
  readonly router: Router;
  readonly running: RunningRouter;
}

/** Measures every router in every cell, in turn, so that a machine that slows down slows all of them. */
export async function runGatewayBench(bench: GatewayBench): Promise<GatewayResults> {
  const folder = await mkdtemp(join(tmpdir(), "plimsoll-bench-"));
  const measurements = new Measurements();
  const about: string[] = [];
  try {
    await using stand = await openStand();
    for (let process = 1; process <= bench.processes; process++) {
      const started: Started[] = [];
      try {
        for (const router of bench.routers) {
          bench.progress(`starting ${router.name}`);
          const outcome = await startOne(router, stand, join(folder, `${router.name}-${process}`));
          if (typeof outcome !== "string") started.push({ router, running: outcome });
          else if (process === 1) bench.progress(outcome);
          if (process === 1) about.push(typeof outcome === "string" ? outcome : outcome.about);
        }
        const place = bench.processes === 1 ? "" : `process ${process}/${bench.processes}, `;
        await measureAll(bench, stand, started, measurements, place);
      } finally {
        for (const { running } of started) await running.stop();
      }
    }
    return { measurements, about };
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function measureAll(
  { cells, repeats, windowMs, warmUp, progress }: GatewayBench,
  stand: Stand,
  started: readonly Started[],
  measurements: Measurements,
  place: string,
): Promise<void> {
  for (const { router, running } of started) {
    progress(`warming up ${router.name}`);
    for (const cell of warmUp.cells) await measure(stand, running, cell, warmUp.windowMs);
  }
  for (let repeat = 1; repeat <= repeats; repeat++) {
    for (const cell of cells) {
      progress(`${place}${repeat}/${repeats}: ${cellName(cell)}`);
      for (const { router, running } of started) {
        if (!cell.everyone && !router.everywhere) continue;
        measurements.add(cell, router.name, await measure(stand, running, cell, windowMs));
      }
    }
  }
}

/** The router, or in one line why it is left out. */
async function startOne(router: Router, stand: Stand, folder: string): Promise<RunningRouter | string> {
  await mkdir(folder);
  try {
    return await router.start(stand.engines, folder);
  } catch (error) {
    const why = (error as Error).message;
    return `${router.name} is left out: ${error instanceof NotInstalled ? "" : "it does not start here: "}${why}`;
  }
}

function measure(stand: Stand, running: RunningRouter, cell: Cell, windowMs: number): Promise<LoadFigures> {
  const { manner, concurrency, bodyBytes, perSecond, newcomers } = cell;
  const order = {
    servers: running.addresses,
    streamed: manner.kind !== "whole",
    concurrency,
    perSecond,
    newcomers,
    bodyBytes,
    warmUpMs: warmUpMs(cell),
    windowMs,
    pids: processTree(running.pid),
  };
  return stand.measure(order, manner);
}
