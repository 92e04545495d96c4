import assert from "node:assert/strict";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { WaitLimit, type Waiter } from "../../src/engines/http/wait-limit.ts";

const LIMIT_MS = 3200;
const PART_MS = LIMIT_MS / 32;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

class Waiting implements Waiter {
  earlier: Waiter | null = null;
  later: Waiter | null = null;
  since = -1;
  late = 0;
  tooLate(): void {
    this.late++;
  }
}

test("each is too late once, after the limit and at most a part of it more, unless it ends before", () => {
  const step = fc.record({ afterMs: fc.nat(500), endsAfterMs: fc.option(fc.nat(2 * LIMIT_MS)) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const limit = new WaitLimit(LIMIT_MS);
      const all: { waiter: Waiting; beganMs: number; endsMs: number }[] = [];
      const check = () => {
        const now = Date.now();
        for (const one of all) {
          const { waiter, beganMs } = one;
          if (now >= one.endsMs) {
            limit.end(waiter);
            one.endsMs = Number.POSITIVE_INFINITY;
          }
          if (now - beganMs < LIMIT_MS) assert.equal(waiter.late, 0);
          else if (waiter.since >= 0) assert.ok(now - beganMs <= LIMIT_MS + PART_MS);
        }
      };
      for (const { afterMs, endsAfterMs } of steps) {
        for (let ms = 0; ms < afterMs; ms += 10) {
          vi.advanceTimersByTime(10);
          check();
        }
        const waiter = new Waiting();
        const beganMs = Date.now();
        limit.begin(waiter);
        all.push({ waiter, beganMs, endsMs: beganMs + (endsAfterMs ?? Number.POSITIVE_INFINITY) });
      }
      for (let ms = 0; ms <= 2 * LIMIT_MS; ms += 10) {
        vi.advanceTimersByTime(10);
        check();
      }
      for (const [i, { waiter }] of all.entries()) {
        const endsAfterMs = steps[i].endsAfterMs ?? Number.POSITIVE_INFINITY;
        if (endsAfterMs < LIMIT_MS - 10) expect(waiter.late).toBe(0);
        else if (endsAfterMs > LIMIT_MS + PART_MS) expect(waiter.late).toBe(1);
        expect(waiter.since).toBe(-1);
      }
      expect(vi.getTimerCount()).toBe(0);
    }),
    { numRuns: 20 },
  );
});
