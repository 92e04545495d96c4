import { setTimeout as sleep } from "node:timers/promises";
import type { Browser } from "playwright-core";
import { DashboardGateway } from "../../../harness/fakes/dashboard-gateway.ts";
import type { MadeUpPool } from "../../../harness/fakes/made-up-pool.ts";
import type { Aim, BenchTable } from "../bench-table.ts";
import { decisionAt } from "./made-up-decision.ts";
import type { PageBuild } from "./page-build.ts";
import { DAY_POOL, SHOWN_POOLS, shapeText } from "./shown-pools.ts";
import { type PageMemory, WatchedPage } from "./watched-page.ts";

const PARTS = 4;
const DECIDE_EVERY = 10;
const TRAFFIC_EVERY = 60;
/** Reports that are sent before it is waited until they are read. */
const AT_ONCE = 20;
/** Of pools whose reports are large. */
const HOUR_REPORTS = 3600;
/** More than samples that fill up by then, and what is collected later, may come to. */
const GROWTH_AIM_MIB = 4;

export interface DayBench {
  readonly browser: Browser;
  readonly build: PageBuild;
  readonly seed: number;
  /** A day has 86,400. */
  readonly reports: number;
  readonly progress: (line: string) => void;
}

/** What the page keeps while reports come for a day, as fast as it reads them. */
export async function dayTable(bench: DayBench): Promise<BenchTable> {
  const rows: (string | number)[][] = [];
  const aims: Aim[] = [];
  const hour = Math.min(HOUR_REPORTS, bench.reports);
  for (const [pool, reports] of [
    [DAY_POOL, bench.reports] as const,
    ...SHOWN_POOLS.map((one) => [one, hour] as const),
  ]) {
    const { memories, seconds } = await feed(bench, pool, reports);
    for (const [part, { heapBytes, nodes, listeners }] of memories.entries())
      rows.push([shapeText(pool), (reports * part) / PARTS, heapBytes / 2 ** 20, nodes, listeners]);
    bench.progress(`${shapeText(pool)}: ${reports} reports in ${seconds.toFixed(0)} s`);
    // The first is of a page whose past is still empty.
    const [, first, , , last] = memories;
    aims.push(
      {
        what: `heap that grew from the first quarter to the end, MiB, ${shapeText(pool)}`,
        measured: (last.heapBytes - first.heapBytes) / 2 ** 20,
        atMost: GROWTH_AIM_MIB,
      },
      {
        what: `DOM nodes that were added from the first quarter to the end, ${shapeText(pool)}`,
        measured: last.nodes - first.nodes,
        atMost: first.nodes / 10,
      },
    );
  }
  return {
    title: `Memory over ${bench.reports} reports`,
    columns: [
      { name: "pool" },
      { name: "after reports" },
      { name: "heap, MiB", digits: 1 },
      { name: "DOM nodes" },
      { name: "listeners" },
    ],
    rows,
    notes: [
      "As fast as the page reads: a report for each second, a decision for each ten, a traffic event for each minute. What is read at once is drawn once: some twenty reports.",
      "DOM nodes as the browser counts them, also those that nothing shows any more.",
    ],
    aims,
  };
}

async function feed(
  { browser, build, seed, progress }: DayBench,
  pool: MadeUpPool,
  reports: number,
): Promise<{ readonly memories: readonly PageMemory[]; readonly seconds: number }> {
  await using gateway = new DashboardGateway(pool, { built: build.folder, seed });
  await using watched = await WatchedPage.open(browser);
  await watched.goto(await gateway.listen());
  const ready = Array.from({ length: 8 }, () => gateway.report());
  const from = performance.now();
  const memories: PageMemory[] = [];
  const settled = async () => {
    memories.push(await watched.memory());
    progress(`${shapeText(pool)}: ${memories.length - 1} of ${PARTS} quarters of ${reports} reports`);
  };
  await settled();
  for (let sent = 1; sent <= reports; sent++) {
    const { atMs } = gateway.report(ready[sent % ready.length]);
    if (sent % TRAFFIC_EVERY === 0) gateway.traffic();
    if (sent % DECIDE_EVERY === 0) gateway.decide(decisionAt(sent / DECIDE_EVERY, atMs));
    if (sent % AT_ONCE === 0) await read(gateway);
    if (sent % Math.floor(reports / PARTS) === 0) await settled();
  }
  return { memories, seconds: (performance.now() - from) / 1000 };
}

/** Resolves when nothing waits to be read. */
async function read(gateway: DashboardGateway): Promise<void> {
  if (gateway.readers === 0) throw new Error("the page was cut off: it read too slowly");
  while (gateway.unread > 0) await sleep(1);
}
