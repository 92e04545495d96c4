import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Alarm } from "../../src/replay/alarm.ts";

beforeEach(
  () => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setImmediate", "clearImmediate"] }),
);
afterEach(() => void vi.useRealTimers());

const HOURS = 3_600_000;

it("rings before a time in whole milliseconds, and for the rest in every turn", () => {
  const ring = vi.fn<() => void>();
  const alarm = new Alarm(ring);
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
  new Alarm(ring).set(1000 * HOURS);
  vi.advanceTimersByTime(1000);
  expect(ring).not.toHaveBeenCalled();
  vi.advanceTimersByTime(HOURS);
  expect(ring).toHaveBeenCalledTimes(1);
});

it("rings for what was set last, and not when that is cleared", () => {
  const ring = vi.fn<() => void>();
  const alarm = new Alarm(ring);
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
