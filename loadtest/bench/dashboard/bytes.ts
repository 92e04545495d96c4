import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { brotliCompressSync } from "node:zlib";
import type { Browser } from "playwright-core";
import { DashboardGateway } from "../../../harness/fakes/dashboard-gateway.ts";
import type { BenchTable } from "../bench-table.ts";
import type { PageBuild } from "./page-build.ts";
import { SHOWN_POOLS, shapeText } from "./shown-pools.ts";
import { WatchedPage } from "./watched-page.ts";

const SECONDS = 10;

/** What a page costs a network: its files once, its events every second. */
export async function bytesTable({
  browser,
  build,
  seed,
}: {
  readonly browser: Browser;
  readonly build: PageBuild;
  readonly seed: number;
}): Promise<BenchTable> {
  const rows: (string | number)[][] = [];
  const assets = join(build.folder, "assets");
  for (const name of (await readdir(assets)).filter((one) => /\.(js|css)$/.test(one)).toSorted()) {
    const bytes = await readFile(join(assets, name));
    rows.push([
      name.replace(/-[\w-]{8}\./, "."),
      bytes.length / 1000,
      brotliCompressSync(bytes).length / 1000,
    ]);
  }
  for (const pool of SHOWN_POOLS) {
    await using gateway = new DashboardGateway(pool, { built: build.folder, seed });
    await using watched = await WatchedPage.open(browser);
    await watched.goto(await gateway.listen());
    await sleep(1000);
    const { wireBytes, plainBytes } = await watched.during(async () => {
      for (let second = 0; second < SECONDS; second++) {
        gateway.report();
        gateway.traffic();
        await sleep(500);
      }
    });
    rows.push([
      `events of ${shapeText(pool)}, a second`,
      plainBytes / SECONDS / 1000,
      wireBytes / SECONDS / 1000,
    ]);
  }
  return {
    title: "Bytes",
    columns: [{ name: "what" }, { name: "as it is, kB", digits: 1 }, { name: "compressed, kB", digits: 1 }],
    rows,
    notes: [
      "Files by Brotli, events by gzip as they come. Made-up loads are drawn anew for every expert: hardly anything is easier to compress.",
    ],
    aims: [],
  };
}
