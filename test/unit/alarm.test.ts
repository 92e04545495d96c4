import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Alarm } from "../../src/replay/alarm.ts";

beforeEach(
  () => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setImmediate", "clearImmediate"] }),
);
afterEach(() => void vi.useRealTimers());

const HOURS = 3_600_000;
const clock = { ms: 0 };

it("rings before a time in whole milliseconds, and for the rest in every turn", () => {
  const ring = vi.fn<() => void>();
  const alarm = new Alarm(() => clock.ms, ring);
  alarm.set(7.9);
  vi.advanceTimersByTime(6.9);
  expect(ring).not.toHaveBeenCalled();
  vi.advanceTimersByTime(0.1);
  expect(ring).toHaveBeenCalledTimes(1);
  alarm.set(0.9);
  vi.advanceTimersByTime(0);
  expect(ring).toHaveBeenCalledTimes(2);
});

it("takes a wait that timers cannot hold in parts, for else they would ring at once", () => {
  const ring = vi.fn<() => void>();
  new Alarm(() => clock.ms, ring).set(1000 * HOURS);
  vi.advanceTimersByTime(1000);
  expect(ring).not.toHaveBeenCalled();
  vi.advanceTimersByTime(HOURS);
  expect(ring).toHaveBeenCalledTimes(1);
});

it("rings for what was set last, and not when that is cleared", () => {
  const ring = vi.fn<() => void>();
  const alarm = new Alarm(() => clock.ms, ring);
  alarm.set(0.5);
  alarm.set(20);
  vi.advanceTimersByTime(19);
  expect(ring).not.toHaveBeenCalled();
  alarm.clear();
  alarm.set(0.5);
  alarm.clear();
  vi.advanceTimersByTime(100);
  expect(ring).not.toHaveBeenCalled();
});

it("looks for a twentieth of the time at most, and is late by up to a millisecond beyond it", () => {
  const ring = vi.fn<() => void>();
  const alarm = new Alarm(() => clock.ms, ring);
  /** How often it rings in the next turn, each of half a millisecond. */
  const looks = (): number => {
    for (let count = 0; ; count++) {
      ring.mockClear();
      alarm.set(0.9);
      vi.advanceTimersByTime(0);
      if (ring.mock.calls.length === 0) return count;
      clock.ms += 0.5;
    }
  };
  // What is saved up at first: 20 ms.
  expect(looks()).toBe(40);
  vi.advanceTimersByTime(1);
  expect(ring).toHaveBeenCalledTimes(1);
  clock.ms += 100;
  expect(looks()).toBe(10);
});
