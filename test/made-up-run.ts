import { Rng } from "../src/lib/rng.ts";
import { PolicyLog, type PolicyLogOptions } from "../src/report/policy-log.ts";
import type { RequestRecord, RunEvent, StepSpan, WindowPoint } from "../src/twin/run/run-log.ts";

/** A log as a run of so many requests might leave it, with what was written of it. */
export interface MadeUpRun {
  readonly log: PolicyLog;
  readonly requests: readonly string[];
  readonly series: readonly string[];
  readonly records: readonly RequestRecord[];
  readonly steps: readonly StepSpan[];
}

const WINDOW_MS = 100;

/** @param pools names; every third request that is not completed is refused, the others failed */
export function madeUpRun(
  seed: number,
  count: number,
  pools: readonly string[] = ["pool"],
  options: PolicyLogOptions = { level: null },
  policy = { name: "plimsoll", title: "Plimsoll" },
): MadeUpRun {
  const rng = new Rng(seed);
  const requests: string[] = [];
  const series: string[] = [];
  const lines = {
    request: (line: string) => requests.push(line),
    series: (line: string) => series.push(line),
  };
  const log = new PolicyLog(policy, lines, options);
  const records = Array.from({ length: count }, (_, i) => madeUpRequest(rng, i + 1, pools[0]));
  const steps: StepSpan[] = [];
  for (const pool of pools) {
    let startMs = 0;
    for (let i = 0; i < count; i++) {
      const ms = 5 + 20 * rng.uniform();
      steps.push({ pool, startMs, ms, prefillTokens: rng.below(3) * 100, decoding: rng.below(40) });
      startMs += ms + rng.below(3);
    }
    for (let atMs = WINDOW_MS; atMs < startMs; atMs += WINDOW_MS) log.window(madeUpWindow(rng, pool, atMs));
    for (const event of madeUpEvents(pool, startMs)) log.event(event);
  }
  for (const record of records) log.request(record);
  for (const step of steps) log.step(step);
  return { log, requests, series, records, steps };
}

function madeUpRequest(rng: Rng, id: number, pool: string): RequestRecord {
  const arrivalMs = id * 10;
  const outputTokens = 1 + rng.below(50);
  const lost = rng.below(10) === 0;
  const outcome = lost ? (id % 3 === 0 ? "refused" : "failed") : "completed";
  const firstTokenMs = arrivalMs + 20 + 300 * rng.uniform() ** 4;
  return {
    id,
    outcome,
    reason: lost ? `has ${1000 + id} tokens, more than ${outcome} ones may` : null,
    arrivalMs,
    inputTokens: 1 + rng.below(4000),
    outputTokens,
    cachedTokens: 0,
    pool: lost ? null : pool,
    rank: lost ? null : rng.below(4),
    decodePool: null,
    decodeRank: null,
    startedMs: lost ? null : arrivalMs + 1,
    firstTokenMs: lost ? null : firstTokenMs,
    endMs: lost ? arrivalMs : firstTokenMs + (outputTokens - 1) * (10 + 20 * rng.uniform()),
    preemptions: 0,
  };
}

function madeUpWindow(rng: Rng, pool: string, atMs: number): WindowPoint {
  const idle = rng.below(10) === 0;
  const known = (value: number) => (idle ? null : value);
  return {
    pool,
    atMs,
    spanMs: WINDOW_MS,
    steps: idle ? 0 : 5,
    tokens: idle ? 0 : 1000,
    meanStepMs: known(10 + 10 * rng.uniform()),
    balancedness: known(0.5 + 0.5 * rng.uniform()),
    hopsPerToken: known(6 + rng.uniform()),
    nodeHopsPerToken: known(2 + rng.uniform()),
    running: rng.below(50),
    waiting: rng.below(3),
    kvUse: rng.uniform(),
    kvUseMost: rng.uniform(),
    epoch: 1,
    lostRanks: 0,
    missingExperts: 0,
  };
}

function madeUpEvents(pool: string, untilMs: number): RunEvent[] {
  return [
    { pool, atMs: untilMs / 4, kind: "placement", text: "the load has changed" },
    { pool, atMs: untilMs / 3, kind: "shares", text: "new shares" },
    { pool, atMs: untilMs / 2, kind: "rank-lost", text: "rank 1 is lost" },
    { pool, atMs: (untilMs * 3) / 4, kind: "rank-back", text: "rank 1 is back" },
  ];
}
