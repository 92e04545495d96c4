import { setTimeout as sleep } from "node:timers/promises";
import type { Browser, Page } from "playwright-core";
import { DashboardGateway } from "../../../harness/fakes/dashboard-gateway.ts";
import type { MadeUpPool } from "../../../harness/fakes/made-up-pool.ts";
import { Sample } from "../../../src/lib/sample.ts";
import type { Aim, BenchTable } from "../bench-table.ts";
import { decisionAt } from "./made-up-decision.ts";
import type { PageBuild } from "./page-build.ts";
import { SHOWN_POOLS, shapeText } from "./shown-pools.ts";
import { WatchedPage, type Watched } from "./watched-page.ts";

const FRAMES_AIM = 30;
/** As many as the page lists. */
const DECISIONS = 50;
const WARM_UP_MS = 4000;
const POINT_EVERY_MS = 16;
const SWITCH_EVERY_MS = 500;

export interface SteadyBench {
  readonly browser: Browser;
  readonly builds: readonly PageBuild[];
  readonly seed: number;
  readonly seconds: number;
  readonly rounds: number;
  readonly progress: (line: string) => void;
}

/** What a person does while events come. */
const DOINGS: Readonly<Record<string, (page: Page, ms: number) => Promise<void>>> = {
  "looking on": (_page, ms) => sleep(ms),
  "pointing over the heat map": pointOver,
  "switching views": switchViews,
};

interface Measured {
  readonly pool: MadeUpPool;
  readonly doing: string;
  readonly build: PageBuild;
  readonly runs: Watched[];
}

/** Frames, tasks and processor time while a report and a traffic event come every second. Builds take turns in one run. */
export async function steadyTable(bench: SteadyBench): Promise<BenchTable> {
  const measured: Measured[] = [];
  for (const pool of SHOWN_POOLS)
    for (const doing of Object.keys(DOINGS))
      for (const build of bench.builds) measured.push({ pool, doing, build, runs: [] });
  for (let round = 1; round <= bench.rounds; round++) {
    for (const pool of SHOWN_POOLS) {
      for (const build of bench.builds) {
        bench.progress(`${shapeText(pool)}, ${build.name}: round ${round} of ${bench.rounds}`);
        const found = await measureOne(bench, pool, build);
        for (const [doing, watched] of found)
          measured
            .find((one) => one.pool === pool && one.doing === doing && one.build === build)
            ?.runs.push(watched);
      }
    }
  }
  return {
    title: "While events come, two a second",
    columns: [
      { name: "pool" },
      { name: "doing" },
      ...(bench.builds.length > 1 ? [{ name: "page" }] : []),
      { name: "frames/s" },
      { name: "from frame to frame, ms: p50", digits: 1 },
      { name: "p95", digits: 1 },
      { name: "worst", digits: 0 },
      { name: "tasks ≥ 50 ms, a minute", digits: 1 },
      { name: "longest, ms", digits: 0 },
      { name: "input to paint, ms: p95", digits: 0 },
      { name: "main thread, ms a second", digits: 1 },
      { name: "of it script", digits: 1 },
      { name: "style and layout", digits: 1 },
      { name: "browser, % of a core", digits: 0 },
    ],
    rows: measured.map(({ pool, doing, build, runs }) => [
      shapeText(pool),
      doing,
      ...(bench.builds.length > 1 ? [build.name] : []),
      ...figuresOf(runs),
    ]),
    notes: [
      "Frames as `requestAnimationFrame` has them, at most 60 a second. Two events a second: a report and the gateway's traffic.",
      "The browser paints in software, and shares two cores with the gateway and whatever else runs there.",
    ],
    aims: measured.map(
      ({ pool, doing, build, runs }): Aim => ({
        what: `frames a second, ${shapeText(pool)}, ${doing}, ${build.name}`,
        measured: figuresOf(runs)[0],
        atLeast: FRAMES_AIM,
      }),
    ),
  };
}

async function measureOne(
  { browser, seed, seconds }: SteadyBench,
  pool: MadeUpPool,
  build: PageBuild,
): Promise<[string, Watched][]> {
  await using gateway = new DashboardGateway(pool, { built: build.folder, seed });
  await using watched = await WatchedPage.open(browser);
  await watched.goto(await gateway.listen());
  const ready = Array.from({ length: 8 }, () => gateway.report());
  for (let id = 1; id <= DECISIONS; id++) gateway.decide(decisionAt(id, ready[0].atMs));
  let next = 0;
  const timers = [
    setInterval(() => gateway.report(ready[next++ % ready.length]), 1000),
    setInterval(() => gateway.traffic(), 1000),
  ];
  try {
    await sleep(WARM_UP_MS);
    const found: [string, Watched][] = [];
    for (const [doing, act] of Object.entries(DOINGS))
      found.push([doing, await watched.during(() => act(watched.page, seconds * 1000))]);
    return found;
  } finally {
    for (const timer of timers) clearInterval(timer);
  }
}

function figuresOf(runs: readonly Watched[]): number[] {
  const all = (of: (one: Watched) => number) => runs.reduce((sum, one) => sum + of(one), 0);
  const seconds = all((one) => one.seconds);
  const frames = sampleOf(runs.flatMap((one) => one.frames));
  const inputs = sampleOf(runs.flatMap((one) => one.inputs));
  const longTasks = runs.flatMap((one) => one.longTasks);
  const summary = frames.summary();
  return [
    all((one) => one.frames.length) / seconds,
    summary?.p50 ?? 0,
    summary?.p95 ?? 0,
    frames.sorted().at(-1) ?? 0,
    (60 * longTasks.length) / seconds,
    Math.max(0, ...longTasks),
    inputs.summary()?.p95 ?? 0,
    all((one) => one.taskMs) / seconds,
    all((one) => one.scriptMs) / seconds,
    all((one) => one.layoutMs) / seconds,
    (100 * all((one) => one.cpuSeconds)) / seconds,
  ];
}

function sampleOf(values: readonly number[]): Sample {
  const sample = new Sample();
  for (const value of values) sample.add(value);
  return sample;
}

async function pointOver(page: Page, ms: number): Promise<void> {
  const box = await page.locator(".heat-map-cells").boundingBox();
  if (box === null) throw new Error("the page has no heat map");
  const until = performance.now() + ms;
  for (let i = 0; performance.now() < until; i++) {
    const [x, y] = [(i * 7) % box.width, (i * 3) % box.height];
    await page.mouse.move(box.x + x, box.y + y);
    await sleep(POINT_EVERY_MS);
  }
  await page.mouse.move(0, 0);
}

async function switchViews(page: Page, ms: number): Promise<void> {
  const choices = await page.locator(".panels input[type=radio]:enabled").all();
  const until = performance.now() + ms;
  for (let i = 0; performance.now() < until; i++) {
    await choices[i % choices.length].click();
    await sleep(SWITCH_EVERY_MS);
  }
}
