import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { attainmentOf } from "../../src/replay/curve/attainment.ts";
import { EarlyLoss } from "../../src/replay/curve/early-loss.ts";
import { findMax, type StepVerdict } from "../../src/replay/curve/find-max.ts";
import { judged, stepPlan } from "../../src/replay/curve/step.ts";
import { Measures } from "../../src/replay/measures/measures.ts";
import { emptyOutcome } from "../../src/replay/report/empty-outcome.ts";
import { replayRecord } from "../replay-record.ts";

const SEED = { seed: 20261130, numRuns: 300 };
const TARGETS = { ttftMs: 60, tpotMs: null, e2eMs: null };

/** A server that holds every load up to some. @returns what was found, and what was tried */
async function search(loads: readonly number[], limit: number, precision: number, whole: boolean) {
  const tried: number[] = [];
  const found = await findMax({ loads, precision, whole }, (load) => {
    tried.push(load);
    return Promise.resolve<StepVerdict>(load <= limit ? "held" : "lost");
  });
  return { found, tried };
}

describe("the search for the highest load", () => {
  it("closes in on it from both sides, and tries nothing twice and nothing above a lost load", async () => {
    const loads = fc.array(fc.double({ min: 0.5, max: 500, noNaN: true }), { minLength: 1, maxLength: 8 });
    const limits = fc.double({ min: 0.1, max: 600, noNaN: true });
    await fc.assert(
      fc.asyncProperty(loads, limits, fc.constantFrom(0.01, 0.05, 0.3), async (drawn, limit, precision) => {
        const unique = [...new Set(drawn)];
        const { found, tried } = await search(unique, limit, precision, false);
        const { held, lost, precise } = found;
        expect(new Set(tried).size).toBe(tried.length);
        if (held !== null) expect(held).toBeLessThanOrEqual(limit);
        if (lost !== null) expect(lost).toBeGreaterThan(limit);
        expect(held ?? 0).toBe(Math.max(0, ...tried.filter((load) => load <= limit)));
        if (held !== null && lost !== null) {
          expect(precise).toBe(true);
          expect(lost - held).toBeLessThanOrEqual(precision * held * 1.0001);
        }
        if (lost === null) expect(held).toBe(Math.max(...unique));
        const firstLost = tried.findIndex((load) => load > limit);
        for (const load of tried.slice(firstLost + 1))
          expect(load).toBeLessThan(tried[firstLost] ?? Infinity);
      }),
      SEED,
    );
  });

  it("finds whole numbers exactly", async () => {
    for (let limit = 1; limit <= 64; limit++) {
      const { found } = await search([1, 2, 4, 8, 16, 32, 64, 128], limit + 0.5, 1e-9, true);
      expect(found).toEqual({ held: limit, lost: limit + 1, byClient: false, precise: true });
    }
  });

  it("says when it was the client that fell behind, and when it was stopped", async () => {
    const late = (load: number): Promise<StepVerdict> => Promise.resolve(load < 4 ? "held" : "client");
    const asked = { loads: [1, 2, 4, 8], precision: 1, whole: true };
    expect(await findMax(asked, late)).toEqual({ held: 2, lost: 4, byClient: true, precise: true });
    const stopped = { held: 1, lost: null, byClient: false, precise: false };
    expect(await findMax(asked, (load) => Promise.resolve(load > 1 ? null : "held"))).toEqual(stopped);
  });
});

describe("a step", () => {
  it("has the interval of Wilson", () => {
    // 95 of 100: Wilson's own formula by hand.
    const [low, high] = attainmentOf(95, 100).interval ?? [];
    expect(low).toBeCloseTo(0.8882, 4);
    expect(high).toBeCloseTo(0.9785, 4);
    expect(attainmentOf(0, 0)).toMatchObject({ part: null, interval: null });
  });

  const setting = {
    kind: "rate",
    burstiness: 1,
    settleMs: 500,
    stepMs: 10_000,
    requests: Infinity,
    seed: 1,
  } as const;

  it("is lost early only when its other requests could not save it", () => {
    const never = new EarlyLoss(stepPlan(20, setting), TARGETS, 0.9);
    const loss = new EarlyLoss(stepPlan(20, setting), TARGETS, 0.9);
    const slow = (i: number) => replayRecord({ ttftMs: 61, endedMs: 600 + i });
    // At most 200 + 4 · √200 requests come: 25 bad ones of 257 leave nine tenths.
    const lost = Array.from({ length: 40 }, (_, i) => loss.add(slow(i)));
    expect(lost.indexOf(true)).toBe(25);
    for (let i = 0; i < 500; i++) {
      expect(never.add(replayRecord())).toBe(false);
      expect(never.add(replayRecord({ ttftMs: 61, warmUp: true }))).toBe(false);
    }
  });

  it("of a closed loop is not lost before a quarter of its time is over", () => {
    const loss = new EarlyLoss(stepPlan(4, { ...setting, kind: "concurrency" }), TARGETS, 0.9);
    const early = Array.from({ length: 30 }, () =>
      loss.add(replayRecord({ failure: "http_503", endedMs: 2900 })),
    );
    expect(early).not.toContain(true);
    expect(loss.add(replayRecord({ failure: "http_503", endedMs: 3100 }))).toBe(true);
  });

  it("counts what happens in its own time for rates, and judges what began in it", () => {
    const measures = new Measures(TARGETS, { fromMs: 1000, toMs: 3000 });
    for (const [scheduledMs, endedMs, warmUp] of [
      [500, 1500, true],
      [1200, 2500, false],
      [2900, 4000, false],
    ] as const) {
      measures.sent(0, scheduledMs, warmUp);
      measures.frame(endedMs - 1, 0, 4);
      measures.ended(replayRecord({ scheduledMs, endedMs, warmUp }));
    }
    const outcome = { ...emptyOutcome(TARGETS), ...measures.summary(4000) };
    expect(outcome).toMatchObject({ sent: 2, warmUps: 1, completed: 2, good: 2, durationMs: 3000 });
    expect(outcome.window).toEqual({ seconds: 2, completed: 2, outputTokens: 8 });
    const of = (client: object, kind: "rate" | "concurrency", stopped = false) =>
      judged({ ...outcome, client: { ...outcome.client, ...client } }, kind, 0.95, stopped);
    expect(of({}, "rate")).toMatchObject({ verdict: "held", attainment: { good: 2, of: 2 } });
    expect(of({}, "rate", true).verdict).toBe("lost");
    // Good although the client was late is good; lost is not the server's doing then.
    expect(of({ valid: false }, "rate").verdict).toBe("held");
    expect(of({ valid: false }, "rate", true).verdict).toBe("client");
    expect(of({ valid: false }, "concurrency").verdict).toBe("client");
    // Too many in flight is.
    expect(of({ valid: false, held: 3 }, "rate").verdict).toBe("lost");
  });
});
