import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { DashboardGateway } from "../../../harness/fakes/dashboard-gateway.ts";
import type { BenchTable } from "../bench-table.ts";
import { median } from "../median.ts";
import type { Recorded } from "./recorder.ts";
import { SHOWN_POOLS, shapeText } from "./shown-pools.ts";
import { WatchedPage } from "./watched-page.ts";

const MAIN = fileURLToPath(new URL("../../../src/main.ts", import.meta.url));
const REPORTS_MS = 5000;
const RELOADS = 5;

/** From the navigation until there is something to read: with an empty cache, and of a real gateway again. */
export async function openingTable({
  browser,
  seed,
  rounds,
  progress,
}: {
  readonly browser: Browser;
  readonly seed: number;
  readonly rounds: number;
  readonly progress: (line: string) => void;
}): Promise<BenchTable> {
  const rows: (string | number | null)[][] = [];
  const add = (name: string, all: readonly Recorded[]) =>
    rows.push([
      name,
      median(all.map((one) => one.statusAt)),
      median(all.map((one) => one.heatMapAt)),
      all.length,
    ]);
  for (const pool of SHOWN_POOLS) {
    progress(`opening ${shapeText(pool)}`);
    const seen: Recorded[] = [];
    for (let round = 0; round < rounds; round++) {
      await using gateway = new DashboardGateway(pool, { seed });
      await using watched = await WatchedPage.open(browser);
      await watched.goto(await gateway.listen());
      seen.push(await recordedBy(watched.page));
    }
    add(`${shapeText(pool)}, made up; cold`, seen);
  }
  progress("opening the demo");
  const { demo, url } = await startDemo();
  try {
    await sleep(REPORTS_MS);
    const cold: Recorded[] = [];
    const again: Recorded[] = [];
    for (let round = 0; round < rounds; round++) {
      await using watched = await WatchedPage.open(browser);
      await watched.goto(url);
      cold.push(await recordedBy(watched.page));
      for (let i = 0; i < RELOADS; i++) {
        await watched.goto(url);
        again.push(await recordedBy(watched.page));
      }
    }
    add("the demo, its gateway and traffic on the same cores; cold", cold);
    add("the same, opened again", again);
  } finally {
    demo.kill("SIGKILL");
    await once(demo, "exit");
  }
  return {
    title: "From the navigation to the first look",
    columns: [{ name: "page" }, { name: "status line, ms" }, { name: "heat map, ms" }, { name: "times" }],
    rows,
    notes: ["Medians; over loopback. Made-up gateways send files uncompressed, the real one Brotli."],
    aims: [],
  };
}

/** With a frame after it, so that the heat map's is among those seen. */
async function recordedBy(page: Page): Promise<Recorded> {
  await page.waitForFunction("recorder.end().heatMapAt !== null && recorder.end().statusAt !== null");
  return page.evaluate<Recorded>("recorder.end()");
}

async function startDemo(): Promise<{ readonly demo: ChildProcess; readonly url: string }> {
  const demo = spawn(process.execPath, [MAIN, "demo", "--duration", "600", "--port", "0", "--json"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const kill = () => demo.kill("SIGKILL");
  process.once("exit", kill);
  demo.once("exit", () => process.off("exit", kill));
  for await (const line of createInterface({ input: demo.stderr })) {
    const url = /dashboard (http:\/\/\S+)/.exec(line)?.[1];
    if (url === undefined) continue;
    demo.stderr.resume();
    return { demo, url };
  }
  throw new Error("the demo has ended without naming its dashboard");
}
