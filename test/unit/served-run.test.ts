import { describe, expect, it } from "vitest";
import { policyBy } from "../../src/core/planning/balance-policy.ts";
import { H800 } from "../../src/core/cost/hardware.ts";
import { Rng } from "../../src/lib/rng.ts";
import type { TraceRequest } from "../../src/model/traffic.ts";
import { StepRecorder } from "../../src/twin/step-recorder.ts";
import { SyntheticRouting } from "../../src/twin/synthetic-routing.ts";
import type { RequestRecord, RunEvent, StepSpan, WindowPoint } from "../../src/twin/run/run-log.ts";
import { type VirtualRunOptions, type VirtualRunResult, virtualRun } from "../../src/twin/run/virtual-run.ts";
import { SMALL_MODEL, SMALL_TOPOLOGY } from "../../harness/small-model.ts";
import { limitsOf } from "../admission-desk.ts";

const cadence = { sharesMs: 20, placementMs: 100 };
const SOON = { noticedMs: 30, forMs: null };

interface Heard {
  readonly result: VirtualRunResult;
  readonly requests: readonly RequestRecord[];
  readonly steps: readonly StepSpan[];
  readonly windows: readonly WindowPoint[];
  readonly events: readonly RunEvent[];
}

function traffic(count: number, everyMs: number, outputTokens = 100): TraceRequest[] {
  const rng = new Rng(8);
  return Array.from({ length: count }, (_, i) => ({
    arrivalMs: i * everyMs,
    inputTokens: 1 + rng.below(200),
    outputTokens,
  }));
}

function run(given: Partial<VirtualRunOptions> = {}): Heard {
  const heard = {
    requests: [] as RequestRecord[],
    steps: [] as StepSpan[],
    windows: [] as WindowPoint[],
    events: [] as RunEvent[],
  };
  const steps = virtualRun({
    model: SMALL_MODEL,
    topology: SMALL_TOPOLOGY,
    routing: new SyntheticRouting(SMALL_MODEL, 1),
    traffic: traffic(100, 3),
    durationMs: 1000,
    cadence,
    assignment: "least-load",
    seed: 1,
    fidelity: "analytic",
    recorder: new StepRecorder(1),
    observer: {
      request: (record) => heard.requests.push(record),
      step: (span) => heard.steps.push(span),
      window: (point) => heard.windows.push(point),
      event: (event) => heard.events.push(event),
    },
    ...given,
  });
  for (;;) {
    const next = steps.next();
    if (next.done === true) return { ...heard, result: next.value };
  }
}

describe("what a run tells", () => {
  const { result, requests, steps, windows, events } = run();

  it("ends every request once, in the order of its clock", () => {
    expect(requests.map(({ id }) => id).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 100 }, (_, i) => i + 1),
    );
    expect(requests.every(({ outcome }) => outcome === "completed")).toBe(true);
    for (const { arrivalMs, startedMs, firstTokenMs, endMs } of requests) {
      const times = [arrivalMs, startedMs ?? -1, firstTokenMs ?? -1, endMs];
      expect(times).toEqual(times.toSorted((a, b) => a - b));
    }
  });

  it("has every step, and they do not overlap", () => {
    expect(steps.length).toBe(result.steps);
    for (const [i, { startMs, ms }] of steps.entries())
      expect(steps[i + 1]?.startMs ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(startMs + ms);
  });

  it("has windows that add up to all the tokens that were forwarded", () => {
    const forwarded = windows.reduce((sum, { tokens }) => sum + tokens, 0);
    expect(forwarded).toBe(result.inputTokens + result.outputTokens - result.requests);
    expect(windows.at(-1)?.epoch).toBe(result.epochs);
    expect(events.some(({ kind }) => kind === "placement")).toBe(true);
  });
});

describe("a rank that dies", () => {
  const fault = { pool: "pool", rank: 2, atMs: 100, ...SOON };
  const whole = run();
  const { result, requests, steps, windows, events } = run({ faults: [fault] });

  it("ends what its clients have begun to read, and sends again what they have not", () => {
    expect(result.failed).toBeGreaterThan(0);
    expect(requests.length).toBe(100);
    const failed = requests.filter(({ outcome }) => outcome === "failed");
    expect(failed.length).toBe(result.failed);
    for (const { rank, endMs, firstTokenMs } of failed)
      expect([rank, endMs, firstTokenMs !== null]).toEqual([2, 100, true]);
    expect(requests.filter(({ arrivalMs, rank }) => arrivalMs > 100 && rank === 2)).toEqual([]);
  });

  it("holds up the others until it is noticed, and is done without from then on", () => {
    const heard = events
      .filter(({ atMs }) => atMs >= 100 && atMs <= 130)
      .map(({ kind, atMs }) => [kind, atMs]);
    expect(heard).toContainEqual(["rank-lost", 100]);
    expect(heard).toContainEqual(["shares", 130]);
    expect(windows.filter(({ lostRanks }) => lostRanks === 1).length).toBeGreaterThan(0);
    expect(result.itlMs?.mean).toBeGreaterThan(whole.result.itlMs?.mean ?? 0);
    // Nobody's next token comes while the others wait for it.
    const longest = (of: readonly StepSpan[]) =>
      of.reduce((most, { startMs }, i) => Math.max(most, startMs - (of[i - 1]?.startMs ?? startMs)), 0);
    expect(longest(whole.steps)).toBeLessThan(10);
    expect(longest(steps)).toBeGreaterThan(29);
  });

  it("is used again when it is back", () => {
    const back = run({ faults: [{ ...fault, forMs: 100 }], traffic: traffic(200, 3) });
    expect(
      back.requests.filter(({ arrivalMs, rank }) => arrivalMs > 200 && rank === 2).length,
    ).toBeGreaterThan(10);
    expect(back.windows.at(-1)?.lostRanks).toBe(0);
  });

  it("that is back before anybody notices costs no placement", () => {
    const { events: few } = run({ faults: [{ ...fault, forMs: 10 }] });
    expect(few.filter(({ text }) => text.includes("without rank"))).toEqual([]);
  });

  it("takes experts with it, which are counted until they are on a rank again", () => {
    const all = SMALL_MODEL.moeLayers.length * SMALL_MODEL.experts;
    const faults = [0, 1, 2, 3].map((rank) => ({ ...fault, rank, noticedMs: 10, forMs: 60 + rank }));
    const lost = run({ faults, traffic: traffic(200, 3), policy: policyBy("none", null) });
    const missing = lost.windows.map(({ missingExperts }) => missingExperts);
    expect(missing[0]).toBe(0);
    expect(Math.max(...missing)).toBe(all);
    expect(missing.at(-1)).toBe(0);
    const texts = lost.events.map(({ text }) => text);
    expect(texts).toContain(`published without rank 0; ${all / 4} experts of all layers are missing`);
  });

  it("is not waited for when it was the last", () => {
    const all = [0, 1, 2, 3].map((rank) => ({ pool: "pool", rank, atMs: 50, ...SOON }));
    const { result: sum, requests: ended } = run({ faults: all });
    expect(ended.length).toBe(100);
    expect(sum.failed).toBeGreaterThan(60);
    const reasons = new Set(ended.flatMap(({ reason }) => reason ?? []));
    expect(reasons).toContain("no rank of pool is left");
  });

  it("takes the experts of all its GPUs with it where it is a group of them", () => {
    const engine = { shape: { attentionTp: 2, moeTp: 1 }, overlaps: false };
    const { result: sum, requests: ended } = run({ engine, faults: [{ ...fault, rank: 1, forMs: 50 }] });
    expect(new Set(ended.map(({ rank }) => rank))).toEqual(new Set([0, 1]));
    expect(sum.failed).toBeGreaterThan(0);
    expect(ended.length).toBe(100);
  });

  it("ends nothing that has not begun to be answered, however often ranks die, up to three times", () => {
    const all = [0, 1, 2, 3].map((rank) => ({ pool: "pool", rank, atMs: 1 + rank, noticedMs: 1, forMs: 1 }));
    const long = [{ arrivalMs: 0, inputTokens: 20_000, outputTokens: 3 }];
    const { requests: one, result: sum } = run({
      faults: all,
      traffic: long,
      topology: { ...SMALL_TOPOLOGY },
    });
    expect(one.length).toBe(1);
    expect(sum.failed + (one[0].outcome === "completed" ? 1 : 0)).toBe(1);
  });
});

describe("admission in a run", () => {
  it("lets as many in as the gateway would, and turns away who waits too long", () => {
    const total = { ...limitsOf({}).total, maxInFlight: 3 };
    const admission = limitsOf({ total, queue: { maxWaiting: 5, maxWaitMs: 8 } });
    const { result, requests } = run({ admission, traffic: traffic(60, 0) });
    const reasons = new Set(
      requests.filter(({ outcome }) => outcome === "refused").map(({ reason }) => reason),
    );
    expect(result.refused).toBeGreaterThan(50);
    expect(reasons).toContain("The request waited for a place longer than it may.");
    expect(reasons).toContain("The gateway has as many requests in flight and waiting as it may.");
    expect(requests.length).toBe(60);
    const refused = requests.filter(({ outcome }) => outcome === "refused");
    expect(refused.every(({ endMs }) => endMs <= 8)).toBe(true);
  });
});

describe("decoding apart", () => {
  const decode = { topology: SMALL_TOPOLOGY, assignment: "decode" as const };
  const apart = { decode, assignment: "prefill" as const };
  const { result, requests, steps } = run(apart);

  it("serves every request in full, its first token with its cache", () => {
    expect(result).toMatchObject({ requests: 100, failed: 0, refused: 0 });
    for (const { outcome, pool, decodePool, firstTokenMs, startedMs } of requests) {
      expect([outcome, pool, decodePool]).toEqual(["completed", "prefill", "decode"]);
      expect(firstTokenMs).toBeGreaterThan(startedMs ?? Number.POSITIVE_INFINITY);
    }
    const tokens = result.pools.map(({ tokens: forwarded }) => forwarded);
    expect(tokens).toEqual([result.inputTokens, result.outputTokens - result.requests]);
  });

  it("keeps prompts out of the way of answers", () => {
    const busy = { traffic: traffic(300, 0.2) };
    const together = run(busy).result;
    const split = run({ ...busy, ...apart }).result;
    expect(split.itlMs?.p99).toBeLessThan(together.itlMs?.p99 ?? 0);
    expect(steps.filter(({ pool, decoding }) => pool === "prefill" && decoding > 0)).toEqual([]);
    expect(steps.filter(({ pool, prefillTokens }) => pool === "decode" && prefillTokens > 0)).toEqual([]);
  });

  it("takes longer to the first token where caches travel slowly", () => {
    const slow = { ...H800, rdmaBandwidth: H800.rdmaBandwidth / 1000 };
    const late = run({ ...apart, hardware: slow, decode: { ...decode, hardware: slow } }).result;
    expect(late.ttftMs?.p50).toBeGreaterThan(2 * (result.ttftMs?.p50 ?? 0));
  });

  it.each(["prefill", "decode"])("loses no request when a rank of %s dies", (pool) => {
    const faults = [{ pool, rank: 1, atMs: 60, noticedMs: 10, forMs: 50 }];
    const { result: sum, requests: all } = run({ ...apart, faults, traffic: traffic(150, 1) });
    expect(all.length).toBe(150);
    expect(new Set(all.map(({ id }) => id)).size).toBe(150);
    expect(sum.failed).toBe(all.filter(({ outcome }) => outcome === "failed").length);
    // A client that has no token yet does not notice.
    for (const { outcome, firstTokenMs } of all)
      if (outcome === "failed") expect(firstTokenMs).not.toBeNull();
    if (pool === "prefill") expect(sum.failed).toBe(0);
    else expect(sum.failed).toBeGreaterThan(0);
  });
});

it("a run with drafts makes the same tokens in fewer steps", () => {
  const atOnce = { traffic: traffic(40, 0) };
  const plain = run(atOnce).result;
  const drafted = run({ ...atOnce, speculation: { draftTokens: 1, acceptance: 0.85 } });
  expect(drafted.result).toMatchObject({ outputTokens: plain.outputTokens, failed: 0 });
  expect(drafted.result.steps).toBeLessThan(0.75 * plain.steps);
  expect(drafted.requests.every(({ outcome }) => outcome === "completed")).toBe(true);
});
