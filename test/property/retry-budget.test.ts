import fc from "fast-check";
import { expect, it } from "vitest";
import { RetryBudget } from "../../src/serving/flight/retry-budget.ts";
import { runs } from "../runs.ts";

const WINDOW_MS = 1000;

it("grants no more in any half window than the requests of the window allow, and refuses only at the limit", () => {
  const event = fc.record({ ms: fc.constantFrom(0, 1, 90, 700), retry: fc.boolean() });
  const settings = fc.record({ ratio: fc.constantFrom(0, 0.1, 0.5, 1), minPerSecond: fc.nat({ max: 5 }) });
  fc.assert(
    fc.property(settings, fc.array(event, { maxLength: 120 }), ({ ratio, minPerSecond }, events) => {
      const budget = new RetryBudget(
        { ratio, minPerSecond, windowMs: WINDOW_MS, maxAttempts: 3, baseMs: 1, maxMs: 1 },
        0,
      );
      const requests: number[] = [];
      const retries: number[] = [];
      const since = (times: readonly number[], ms: number) => times.filter((time) => time > ms).length;
      let now = 0;
      for (const { ms, retry } of events) {
        now += ms;
        if (!retry) {
          budget.began(now);
          requests.push(now);
        } else if (budget.take(now)) {
          retries.push(now);
          const most = ratio * since(requests, now - WINDOW_MS - 1) + minPerSecond;
          expect(since(retries, now - WINDOW_MS / 2)).toBeLessThanOrEqual(most);
        } else {
          const least = ratio * since(requests, now - WINDOW_MS / 2) + minPerSecond;
          expect(since(retries, now - WINDOW_MS - 1) + 1).toBeGreaterThan(least);
        }
      }
    }),
    { seed: 53, numRuns: runs(200) },
  );
});
