import { expect, it, test } from "vitest";
import { alongTime } from "../../src/cli/replay/scenario/timeline.ts";
import { type RestartablePool, restartRanks } from "../../src/cli/replay/scenario/restart-ranks.ts";
import { InputError } from "../../src/lib/errors.ts";
import type { RequestSelection } from "../../src/model/load-scenario.ts";
import { emptyOutcome } from "../../src/replay/report/empty-outcome.ts";
import { replayReport, type ReplaySetting } from "../../src/replay/report/report.ts";
import type { RequestRecord } from "../../src/replay/request-record.ts";
import { type PoolSample, poolFigures } from "../../src/replay/scenario/pool-samples.ts";
import { ScenarioJudge } from "../../src/replay/scenario/scenario-judge.ts";
import { replayRecord } from "../replay-record.ts";

const SETTING: ReplaySetting = {
  trace: "scenario.yaml",
  traceFormat: "scenario",
  traceBroken: 0,
  traceLeftOut: 0,
  promptsBy: "words",
  url: "http://127.0.0.1/",
  endpoint: "chat",
  model: "m",
  speed: 1,
  seed: 1,
  maxInFlight: 64,
  lengths: "forced",
  retries: 0,
  leaving: 0,
  timeoutMs: null,
  goodput: null,
  startedAt: 0,
  endedAt: 0,
  partial: null,
};
const { client } = emptyOutcome(null);
const ALL: RequestSelection = { fromMs: 0, toMs: 60_000, tenant: null, stream: null, shard: null };

interface Asked {
  readonly that: string;
  readonly of?: Partial<RequestSelection>;
  readonly against?: Partial<RequestSelection>;
}

function judge(asked: readonly Asked[]): ScenarioJudge {
  const thresholds = asked.map(({ that, of, against }, i) => ({
    that,
    of: { ...ALL, ...of },
    against: against === undefined ? null : { ...ALL, ...against },
    place: `scenario.yaml:${i + 1}:5`,
  }));
  return new ScenarioJudge(thresholds, replayReport(SETTING, emptyOutcome(null)), null);
}

/** What came of each threshold, in a run of these. */
function judged(
  asked: readonly Asked[],
  records: readonly RequestRecord[],
  samples: readonly PoolSample[] = [],
) {
  const one = judge(asked);
  for (const record of records) one.add(record);
  return one.check((part) => replayReport(SETTING, { ...part, client }), samples);
}

function request(
  atSeconds: number,
  ttftMs: number,
  who: { tenant?: string; stream?: string; shard?: string },
) {
  const { tenant, stream: trafficClass, shard = null } = who;
  const asked = { arrivalMs: 0, inputTokens: 100, outputTokens: 5 };
  const whose = { ...(tenant === undefined ? {} : { tenant }), ...(trafficClass && { trafficClass }) };
  return replayRecord({ scheduledMs: atSeconds * 1000, ttftMs, shard, request: { ...asked, ...whose } });
}

test("a threshold is about its own part of the requests", () => {
  const records = [
    request(5, 100, { tenant: "quiet", stream: "chat", shard: "demo/0" }),
    request(15, 300, { tenant: "quiet", stream: "chat", shard: "demo/1" }),
    request(15, 900, { tenant: "hot", stream: "flood", shard: "demo/1" }),
    replayRecord({ ...request(15, 0, { tenant: "hot", stream: "flood" }), failure: "http_429" }),
    // It counts nowhere.
    replayRecord({ ...request(15, 5, { tenant: "quiet" }), warmUp: true }),
  ];
  const values = judged(
    [
      { that: "max_ttft_ms < 1000" },
      { that: "max_ttft_ms < 300", of: { tenant: "quiet" } },
      { that: "max_ttft_ms < 200", of: { toMs: 15_000 } },
      { that: "completed == 2", of: { fromMs: 15_000 } },
      { that: "failed == 0", of: { stream: "chat" } },
      { that: "failures.http_429 == 1", of: { stream: "flood" } },
      { that: "failures.http_503 == 0" },
      { that: "share < 60%", of: { shard: "demo/1", fromMs: 10_000 } },
      { that: "share < 60%", of: { shard: "demo/1", tenant: "hot", fromMs: 10_000 } },
      { that: "max_ttft_ms < 2", of: { tenant: "quiet", fromMs: 10_000 }, against: { toMs: 10_000 } },
      { that: "request_throughput == 0.1", of: { toMs: 10_000 } },
    ],
    records,
  ).map(({ value, met }) => [value, met]);
  expect(values).toEqual([
    [900, true],
    [300, false],
    [100, true],
    [2, true],
    [0, true],
    [1, true],
    [0, true],
    [1, false],
    [0.5, true],
    [3, false],
    [0.1, true],
  ]);
});

test("what was not measured is missed, and so is what is held against it", () => {
  const asked = [
    { that: "p95_ttft_ms < 100", of: { tenant: "nobody" } },
    { that: "p95_ttft_ms < 100", against: { tenant: "nobody" } },
    { that: "share >= 0", of: { fromMs: 50_000 } },
    { that: "pool.balancedness > 0" },
  ];
  for (const { value, met } of judged(asked, [request(1, 50, {})]))
    expect([value, met]).toEqual([null, false]);
});

test("thresholds say which part they are about", () => {
  const [{ threshold }] = judged(
    [{ that: "p95_ttft_ms < 2", of: { fromMs: 500, tenant: "a" }, against: { shard: "demo/1" } }],
    [],
  );
  expect(threshold).toBe(
    "p95_ttft_ms < 2 from 0.5 s to 60 s, tenant a, in parts of that from 0 s to 60 s, shard demo/1",
  );
});

it.each([
  ["p95_tfft_ms < 2", /scenario\.yaml:1:5: p95_tfft_ms < 2 names p95_tfft_ms, which is no number/],
  ["pool.balance > 2", /names pool\.balance, which is no number/],
  ["failed", /is no comparison; expected one like p95_ttft_ms<200/],
  ["goodput > 1", /needs targets/],
])("%s is refused with its line", (that, message) => {
  expect(() => judge([{ that }])).toThrow(InputError);
  expect(() => judge([{ that }])).toThrow(message);
});

test("a pool's figures are those of the samples in the part", () => {
  const sample = (atMs: number, balancedness: number | null, missingExperts = 0, lostRanks = 0) => {
    return { atMs, balancedness, missingExperts, lostRanks };
  };
  const samples = [
    sample(0, 0.5, 9),
    sample(10, 0.2, 3, 1),
    sample(20, null, 2),
    sample(30, 0.9),
    sample(40, 0.8),
  ];
  expect(poolFigures(samples, 10, 50)).toEqual({
    balancedness: 0.8,
    min_balancedness: 0.2,
    missing_experts: 3,
    missing_experts_at_end: 0,
    lost_ranks: 1,
  });
  expect(new Set(Object.values(poolFigures(samples, 50, 60)))).toEqual(new Set([null]));
});

test("things happen in the order of their times, not before the clock has begun, and not after the end", async () => {
  let now: number | null = null;
  const happened: string[] = [];
  const over = new AbortController();
  const end = () => over.abort();
  const due = [5, 20, 20, 1e9].map((atMs, i) => ({ atMs, happen: () => void happened.push(`${atMs}/${i}`) }));
  const all = alongTime(due, () => now, over.signal);
  await new Promise((resolve) => setTimeout(resolve, 25));
  expect(happened).toEqual([]);
  now = 20;
  await expect.poll(() => happened).toEqual(["5/0", "20/1", "20/2"]);
  end();
  await all;
  expect(happened).toHaveLength(3);
});

/** A pool whose ranks drain, stop and come back a little after they were told. */
function slowPool(stays?: "draining" | "live") {
  const states = ["live", "live", "live"];
  const gone = new Set<number>();
  const done: string[] = [];
  const soon = (work: () => void) => void setTimeout(work, 20);
  const pool: RestartablePool = {
    rankStates: () => Promise.resolve([...states]),
    stopped: () => Promise.resolve([...gone]),
    carryOut: (change) => {
      const rank = "rank" in change ? change.rank : -1;
      done.push(`${change.kind} ${rank} of ${states.join(" ")}`);
      if (change.kind === "drain") {
        states[rank] = "draining";
        if (stays !== "draining") soon(() => (states[rank] = "drained"));
      } else if (change.kind === "stop") soon(() => gone.add(rank));
      else if (change.kind === "restore") gone.delete(rank);
      else if (change.kind === "undrain") soon(() => (states[rank] = "live"));
      return Promise.resolve(true);
    },
  };
  return { pool, done };
}

test("ranks restart one after the other, each when it is drained and the one before is back", async () => {
  const { pool, done } = slowPool();
  expect(await restartRanks([2, 0], 1, pool, new AbortController().signal)).toEqual([]);
  expect(done).toEqual([
    "drain 2 of live live live",
    "stop 2 of live live drained",
    "restore 2 of live live drained",
    "undrain 2 of live live drained",
    "drain 0 of live live live",
    "stop 0 of drained live live",
    "restore 0 of drained live live",
    "undrain 0 of drained live live",
  ]);
});

test("a rank that is never drained is not stopped; it and those after it are named", async () => {
  const { pool, done } = slowPool("draining");
  const over = new AbortController();
  const restarting = restartRanks([1, 2], 1, pool, over.signal);
  await new Promise((resolve) => setTimeout(resolve, 120));
  over.abort();
  expect(await restarting).toEqual([1, 2]);
  expect(done).toEqual(["drain 1 of live live live"]);
});
