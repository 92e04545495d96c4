import { beforeEach, expect, test } from "vitest";
import { GpuLog } from "../../src/control/lead/gpu-log.ts";
import { GpuPast } from "../../src/control/lead/gpu-past.ts";
import type { PoolPublisher } from "../../src/control/lead/pool-publisher.ts";
import { gpuRows } from "../../src/control/follow/gpu-rows.ts";
import { gpuCosts } from "../../src/control/lead/gpu-costs.ts";
import type { GpuRow } from "../../src/control/history/gpu-row.ts";
import { poolReading } from "../../src/control/messages/pool-reading.ts";
import type { PoolStore } from "../../src/control/store.ts";
import type { PoolReport } from "../../src/model/pool-report.ts";
import type { PoolWindow } from "../../src/model/pool-window.ts";
import type { RoutingSnapshot } from "../../src/model/snapshot.ts";
import { LocalStore } from "../../src/store/local/local-store.ts";
import { poolReport } from "./pool-report-fixture.ts";
import { snapshotOf } from "../snapshot-of.ts";

const AT_S = 1_800_000_000;
const WELL = { lost: [], drained: [] };
const topology = { nodes: 1, gpusPerNode: 2, slotsPerGpu: 2 };

let nowMs: number;
let log: GpuLog;
let store: PoolStore;
const faults: string[] = [];
const reading = poolReading("p", ({ message }) => void faults.push(message));
beforeEach(() => {
  nowMs = AT_S * 1000;
  log = new GpuLog(() => nowMs);
  store = new LocalStore(() => nowMs).pool("p");
  faults.splice(0);
});

/** Experts 0 and 1 on GPU 0, 1 and 2 on GPU 1 unless told otherwise; GPU 0 gets a quarter of expert 1. */
function placed(slots = [0, 1, 1, 2]): RoutingSnapshot {
  const placement = { layers: 1, experts: 3, topology, physicalToLogical: Int32Array.from(slots) };
  return snapshotOf(placement, Float64Array.of(1, 0.25, 0.75, 1));
}
const PLACED = placed();

/** A window of these tokens for each expert. */
function done(...tokens: readonly [number, number, number]): { window: PoolWindow; report: PoolReport } {
  const [a, b, c] = tokens;
  const gpuLoad = Float64Array.of(a + b / 4, (3 * b) / 4 + c);
  const load = { layers: 1, experts: 3, tokens: Float64Array.from(tokens) };
  const window = { spanMs: 1000, gpuLoad, load, serving: [0, 1] } as unknown as PoolWindow;
  const ranks = [
    { running: 3, waiting: 4, kvUse: 0.25 },
    { running: 5, waiting: 0, kvUse: 0.5 },
  ];
  return { window, report: poolReport({ gpuHolds: gpuCosts(gpuLoad, 2, [0, 1]).holds, ranks }) };
}

const logged = () => [...log.parts().values()].flat();

test("ten seconds have what each GPU did, how it was at worst, and what filled the one that steps waited for", () => {
  log.observe(PLACED, WELL, done(70, 40, 30));
  nowMs += 9000;
  log.observe(PLACED, { lost: [{ rank: 1, how: "silent" }], drained: [0] }, done(50, 40, 30));
  log.observe(PLACED, WELL, null);
  expect(logged()).toEqual([
    {
      atS: AT_S,
      seconds: 10,
      spanMs: 2000,
      even: 130_000,
      rankWindows: 2,
      load: [140_000, 120_000],
      // 80 of 140, then 60 of 120.
      held: [10_003, 0],
      kvUse: [25, 50],
      waiting: [4, 0],
      running: [3, 5],
      state: [1, 2],
      fullest: [
        {
          gpu: 0,
          held: 769,
          experts: [
            { layer: 0, expert: 0, load: 92, share: 100 },
            { layer: 0, expert: 1, load: 15, share: 25 },
          ],
        },
      ],
    },
  ]);
});

test("what fills a GPU is of one placement, and the worst of them is kept", () => {
  log.observe(PLACED, WELL, done(100, 0, 0));
  log.observe(placed([1, 0, 0, 2]), WELL, done(0, 0, 100));
  const [{ fullest }] = logged();
  expect(fullest.map(({ gpu, experts }) => [gpu, experts.map(({ expert }) => expert)])).toEqual([
    [0, [0]],
    [1, [2]],
  ]);
  expect(logged()).toHaveLength(1);
});

/** As a leader stores it. */
function leader(of: GpuLog, token: number): GpuPast {
  const publisher = {
    keep: (parts: ReadonlyMap<string, Uint8Array | null>) => store.keep(parts, token),
    kept: (names: readonly string[]) => store.kept(names),
    keptNames: () => store.keptNames(),
  } as unknown as PoolPublisher;
  return new GpuPast(publisher, of, reading, () => nowMs);
}

const evenOf = (rows: readonly GpuRow[]) => rows.reduce((sum, { even }) => sum + even, 0);
const stored = (from = 0, to = Number.MAX_SAFE_INTEGER, step = 10) => gpuRows(store, reading, from, to, step);

test("two leaders of the same time add up, whatever one has left damaged, and only what is new is written", async () => {
  const token = (await store.lease("one", 1e9)) as number;
  const past = leader(log, token);
  log.observe(PLACED, WELL, done(70, 40, 30));
  await past.keep();
  const other = new GpuLog(() => nowMs);
  other.observe(PLACED, WELL, done(70, 40, 30));
  await leader(other, token).keep();
  const [row] = await stored();
  expect([row.even, row.fullest[0].gpu]).toEqual([140_000, 0]);
  await store.keep(new Map([[`${AT_S}/10/ff`, new TextEncoder().encode("garbage")]]), token);
  expect(evenOf(await stored())).toBe(140_000);
  expect(faults).toEqual([expect.stringContaining("gpu history in the store cannot be read")]);
  // The next part begins after five minutes: what is over is not written again.
  nowMs += 300_000;
  log.observe(PLACED, WELL, done(70, 40, 30));
  await past.keep();
  nowMs += 10_000;
  log.observe(PLACED, WELL, done(70, 40, 30));
  expect([...log.parts().keys()]).toEqual([AT_S + 300]);
  await past.keep();
  expect((await stored()).map(({ atS }) => atS - AT_S)).toEqual([0, 300, 310]);
  expect((await stored((AT_S + 300) * 1000, (AT_S + 310) * 1000)).map(({ atS }) => atS - AT_S)).toEqual([
    300,
  ]);
});

test("parts fall to minutes when they are an hour old, whoever wrote them, and are forgotten after a day", async () => {
  const token = (await store.lease("one", 1e12)) as number;
  for (const [from, seconds] of [
    [0, 300],
    [100, 200],
  ]) {
    const one = new GpuLog(() => nowMs);
    const past = leader(one, token);
    for (let at = from; at < from + seconds; at += 10) {
      nowMs = (AT_S + at) * 1000;
      one.observe(PLACED, WELL, done(70, 40, 30));
    }
    await past.keep();
  }
  const before = await stored();
  expect(before).toHaveLength(30);
  await store.keep(new Map([["of a later version", new Uint8Array(1)]]), token);
  nowMs = (AT_S + 3599) * 1000;
  await leader(new GpuLog(() => nowMs), token).fall();
  expect(await stored()).toEqual(before);
  nowMs = (AT_S + 3900) * 1000;
  await leader(new GpuLog(() => nowMs), token).fall();
  const after = await stored();
  expect(after.map(({ atS, seconds }) => [atS - AT_S, seconds])).toEqual(
    [0, 60, 120, 180, 240].map((at) => [at, 60]),
  );
  expect(evenOf(after)).toBe(evenOf(before));
  expect((await store.keptNames()).filter((name) => name.includes("/"))).toHaveLength(1);
  nowMs = (AT_S + 86_400 + 299) * 1000;
  await leader(new GpuLog(() => nowMs), token).fall();
  expect(await stored()).toHaveLength(5);
  nowMs += 1000;
  await leader(new GpuLog(() => nowMs), token).fall();
  expect(await store.keptNames()).toEqual(["of a later version"]);
});
