import { expect, test } from "vitest";
import { countersOf } from "../../src/cli/plan/running-pool/scrape.ts";
import { type Predicted, clockOf } from "../../src/planner/right-sizing/clock.ts";
import { countOf, difference, meanOf, percentile } from "../../src/planner/right-sizing/histogram.ts";
import { routingOfLoad } from "../../src/planner/right-sizing/load-routing.ts";
import { demandOf, drawMeasured } from "../../src/planner/right-sizing/measured-demand.ts";
import {
  type Counters,
  type PoolState,
  type Times,
  measuredBetween,
} from "../../src/planner/right-sizing/measured.ts";
import { USUAL_PERCENTILES } from "../../src/planner/service-target.ts";
import { metricsOf } from "../metrics-of.ts";

const STATE: PoolState = {
  inFlight: [2, 4],
  ready: [true, true],
  waiting: null,
  kvUse: null,
  kvUseMost: null,
  balancedness: null,
  lostRanks: 0,
};

function times(mean: number, p50: number, p95: number): Times {
  return { mean, p50, p90: p95, p95, p99: p95 };
}

/** What a gateway's own metrics say of pool `chat` after so many requests, each with so many times between tokens. */
async function counters(requests: number, frames: number, atMs: number): Promise<Counters> {
  const metrics = metricsOf();
  for (const pool of ["chat", "other"]) metrics.begin(pool, [], []);
  for (let i = 0; i < requests; i++) {
    metrics.firstFrame("chat", 100);
    for (let k = 0; k < frames; k++) metrics.laterFrame("chat", 20);
    metrics.ended("chat", 500, "ok");
    metrics.tokens("chat", { model: "m", prompt: 1000, answer: 50, cached: 250, reported: i % 2 === 0 });
    metrics.ended("other", 9000, "failed");
  }
  const text = await metrics.text();
  return countersOf(text, "chat", atMs);
}

test("what a gateway publishes of one pool is read back, and two readings tell what came between them", async () => {
  const [before, after] = [await counters(10, 3, 5000), await counters(40, 3, 15_000)];
  const measured = measuredBetween(before, after, [STATE, { ...STATE, inFlight: [5, 4] }]);
  if (typeof measured === "string") throw new Error(measured);
  expect(measured.ended).toEqual({ ok: 30, client_error: 0, refused: 0, failed: 0, cancelled: 0 });
  // 30 ended, and 3 more are in flight than before.
  expect(measured.rate).toBeCloseTo(3.3);
  expect(measured.answered).toBe(3);
  expect([measured.promptMean, measured.answerMean]).toEqual([1000, 50]);
  expect(measured.countedByEngine).toBe(0.5);
  expect(measured.cachedPart).toBe(0.25);
  expect(measured.inFlight).toBe(7.5);
  // As sure as buckets are wide.
  expect(measured.ttftMs?.p50).toBeGreaterThan(70);
  expect(measured.ttftMs?.p95).toBeLessThanOrEqual(100);
  expect(measured.itlMs?.p50).toBeGreaterThan(17.5);
  expect(measured.itlMs?.p95).toBeLessThanOrEqual(20);
});

test("a gateway that began anew, one without traffic, and one that publishes no lengths say nothing", async () => {
  const [few, many] = [await counters(10, 1, 0), await counters(20, 1, 1000)];
  expect(measuredBetween(many, few, [STATE])).toBe("restarted");
  // As many requests again since the start, though with fewer tokens.
  const anew = { ...few, ended: many.ended };
  expect(measuredBetween(many, anew, [STATE])).toBe("restarted");
  expect(measuredBetween(many, { ...many, atMs: 2000 }, [STATE])).toBe("idle");
  expect(measuredBetween({ ...few, prompt: null }, { ...many, prompt: null }, [STATE])).toBe("no lengths");
});

test("metrics that are missing are unknown, and one without streams has no times", async () => {
  const text =
    'plimsoll_requests_total{pool="chat",outcome="ok"} 3\nplimsoll_ttft_seconds_bucket{pool="chat",le="0.1"} 2\n';
  const read = countersOf(text, "chat", 0);
  expect(read.ended.ok).toBe(3);
  expect([read.ttft, read.itl, read.prompt]).toEqual([null, null, null]);
  const whole = measuredBetween(await counters(1, 0, 0), await counters(9, 0, 1000), [STATE]);
  if (typeof whole === "string") throw new Error(whole);
  expect(whole.itlMs).toBeNull();
});

test("a histogram's difference is what came between; its percentiles lie in their buckets", () => {
  const bounds = [1, 2, 4];
  const before = { bounds, counts: [1, 0, 2, 0], sum: 9 };
  const after = { bounds, counts: [1, 4, 2, 4], sum: 50 };
  const came = difference(before, after);
  expect(came).toEqual({ bounds, counts: [0, 4, 0, 4], sum: 41 });
  expect(difference(after, before)).toBeNull();
  expect(difference({ ...before, bounds: [1, 2, 5] }, after)).toBeNull();
  expect(difference(null, after)).toBe(after);
  if (came === null) throw new Error("no difference");
  expect(countOf(came)).toBe(8);
  expect(meanOf(came)).toBeCloseTo(41 / 8);
  expect(percentile(came, 0.5)).toBe(2);
  expect(percentile(came, 0.25)).toBeCloseTo(Math.SQRT2);
  // Beyond the last bound nothing more is known.
  expect(percentile(came, 0.95)).toBe(4);
  expect(percentile({ bounds, counts: [0, 0, 0, 0], sum: 0 }, 0.5)).toBeNull();
});

test("requests are drawn as long as they were measured, and as much of them from caches", async () => {
  const measured = measuredBetween(await counters(1, 1, 0), await counters(40, 1, 1000), [STATE]);
  if (typeof measured === "string") throw new Error(measured);
  const drawn = drawMeasured(measured, 10, 200, 7);
  const mean = (of: (one: (typeof drawn)[number]) => number) =>
    drawn.reduce((sum, one) => sum + of(one), 0) / drawn.length;
  expect(drawn.length / 200).toBeGreaterThan(9);
  expect(drawn.length / 200).toBeLessThan(11);
  expect(mean(({ inputTokens }) => inputTokens) / 1000).toBeCloseTo(1, 1);
  expect(mean(({ outputTokens }) => outputTokens) / 50).toBeCloseTo(1, 1);
  expect(mean(({ prefixBlocks = [] }) => prefixBlocks.length * 512) / 1000).toBeCloseTo(0.25, 1);
  const demand = demandOf(measured, 3);
  expect(demand).toMatchObject({ rate: 3, prompt: 1000, answer: 50 });
  expect(demand.longest).toBeGreaterThanOrEqual(1050);
});

test.each([0.6, 1, 1.7])(
  "the clock of a pool whose steps take %f times as long as the model's is found",
  (slow) => {
    const OUTSIDE = 40;
    // The model's median and 95th percentile at a part of the load that is measured.
    const model = (factor: number): Predicted => ({
      itlMs: times(11 + 5 * factor, 10 + 4 * factor, 14 + 8 * factor),
      ttftMs: times(0, OUTSIDE + 60 + 20 * factor, OUTSIDE + 90 + 60 * factor),
      balancedness: null,
    });
    const { itlMs, ttftMs } = model(slow);
    if (itlMs === null || ttftMs === null) throw new Error("no times");
    const real = 55;
    const seen = {
      itlMs: times(slow * itlMs.mean, slow * itlMs.p50, slow * itlMs.p95),
      ttftMs: times(0, real + slow * (ttftMs.p50 - OUTSIDE), real + slow * (ttftMs.p95 - OUTSIDE)),
    };
    const steps = clockOf(
      seen,
      model(1),
      function* (factor) {
        yield 1;
        return model(factor);
      },
      OUTSIDE,
      USUAL_PERCENTILES,
    );
    let next = steps.next();
    while (next.done !== true) next = steps.next();
    const clock = next.value;
    expect(clock.steps / slow).toBeCloseTo(1, 1);
    // What is left makes up for what the search has left: the measured comes out again.
    const at = model(clock.steps);
    expect(clock.itl * clock.steps * (at.itlMs?.p95 ?? 0)).toBeCloseTo(seen.itlMs.p95);
    const inside = clock.steps * ((at.ttftMs?.p95 ?? 0) - OUTSIDE);
    expect(clock.ttft * (clock.outsideMs + inside)).toBeCloseTo(seen.ttftMs.p95);
    expect(Math.abs(clock.outsideMs - real)).toBeLessThan(8);
  },
);

test("tokens are drawn that together use experts as a load says, no expert twice for one", () => {
  const load = {
    layers: 2,
    experts: 8,
    tokens: Float64Array.of(1, 1, 1, 1, 1, 1, 1, 1, 8, 4, 2, 1, 1, 0, 0, 0),
  };
  const topk = 2;
  const { tokens, experts } = routingOfLoad(load, topk, 3);
  const counts = Array.from({ length: 2 }, () => new Float64Array(8));
  for (let token = 0; token < tokens; token++)
    for (let layer = 0; layer < 2; layer++) {
      const [a, b] = experts.subarray((token * 2 + layer) * topk, (token * 2 + layer + 1) * topk);
      expect(a).not.toBe(b);
      counts[layer][a]++;
      counts[layer][b]++;
    }
  for (const count of counts[0]) expect(count / tokens).toBeCloseTo(0.25, 1);
  // The hottest is at most once in a token, which leaves more to the others than the load has.
  expect(counts[1][0] / tokens).toBeGreaterThan(0.7);
  expect([...counts[1]].map((count, i, all) => i === 0 || count <= all[i - 1] + 80)).not.toContain(false);
  expect(counts[1][7] / tokens).toBeLessThan(0.02);
});
