import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Lateness } from "../../src/replay/client/lateness.ts";
import { replayRecord } from "../replay-record.ts";

/** A clock that the test moves: timers run at their times, or late when the process "stood still". */
class Clock {
  ms = 0;
  readonly now = (): number => this.ms;

  /** Time passes, and timers run when they are due. */
  run(ms: number): void {
    for (const until = this.ms + ms; this.ms < until; ) {
      this.ms += 1;
      vi.advanceTimersByTime(1);
    }
  }

  /** Time passes, and nothing runs. */
  standStill(ms: number): void {
    this.ms += ms;
  }
}

let clock: Clock;
let streams: number;
let lateness: Lateness;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  clock = new Clock();
  streams = 1;
  lateness = new Lateness(8, clock.now, () => streams > 0);
  lateness.start();
});

afterEach(() => {
  lateness.stop();
  vi.useRealTimers();
});

describe("a client that watches itself", () => {
  it("is valid while it is on time", () => {
    clock.run(5000);
    for (let i = 0; i < 200; i++) lateness.sent(clock.ms - (i % 9));
    expect(lateness.verdict()).toMatchObject({ valid: true, why: [], stalls: 0, lateRequests: 0 });
    expect(lateness.verdict().loopLatenessMs?.count).toBe(250);
  });

  it("is not once it stood still while streams were open, and marks those", () => {
    clock.run(1000);
    clock.standStill(400);
    clock.run(100);
    const before = replayRecord({ scheduledMs: 0, endedMs: 990 });
    const during = replayRecord({ scheduledMs: 900, endedMs: 1450 });
    const after = replayRecord({ scheduledMs: 1450, endedMs: 1500 });
    expect([before, during, after].map((record) => lateness.touched(record))).toEqual([false, true, false]);
    expect(lateness.verdict()).toMatchObject({ valid: false, stalls: 1, lateRequests: 1 });
    expect(lateness.verdict().why).toEqual([
      expect.stringMatching(/^it stood still once for up to 4\d\d ms while streams were open$/),
    ]);
  });

  it("knows of a stall before its own timer does", () => {
    clock.run(100);
    clock.standStill(1000);
    expect(lateness.touched(replayRecord({ scheduledMs: 50, endedMs: clock.ms }))).toBe(true);
  });

  it("minds standing still where streams ended the moment it stood up", () => {
    clock.run(100);
    clock.standStill(900);
    streams = 0;
    clock.run(100);
    expect(lateness.verdict()).toMatchObject({ valid: false, stalls: 1 });
  });

  it("does not mind standing still where no stream was open", () => {
    streams = 0;
    lateness.stop();
    lateness.start();
    clock.run(1000);
    clock.standStill(900);
    clock.run(100);
    expect(lateness.verdict()).toMatchObject({ valid: true, stalls: 0, loopLatenessMs: null });
  });

  it("is not where its event loop was late again and again", () => {
    for (let i = 0; i < 200; i++) {
      clock.run(25);
      if (i % 20 === 0) clock.standStill(60);
    }
    expect(lateness.verdict().why).toEqual([
      expect.stringMatching(/^its event loop was \d\d ms late at p99/),
    ]);
  });

  it("is not where it sent late, but for one in a hundred", () => {
    clock.run(100);
    lateness.sent(clock.ms - 15);
    for (let i = 0; i < 9; i++) lateness.sent(clock.ms - 5);
    expect(lateness.verdict().valid).toBe(true);
    lateness.sent(clock.ms - 12);
    expect(lateness.verdict().why).toEqual([
      "2 of 11 requests were sent more than 10 ms late, by up to 15 ms",
    ]);
    for (let i = 0; i < 189; i++) lateness.sent(clock.ms);
    expect(lateness.verdict().valid).toBe(true);
    expect(lateness.touched(replayRecord({ delayMs: 15 }))).toBe(true);
  });

  it("is not where it stood still before a send, though no stream was open", () => {
    streams = 0;
    lateness.stop();
    lateness.start();
    clock.run(100);
    clock.standStill(900);
    lateness.sent(200);
    expect(lateness.verdict().why).toEqual([
      "1 of 1 requests were sent more than 10 ms late, by up to 800 ms",
    ]);
  });

  it("tells waits for room from its own lateness", () => {
    clock.run(500);
    lateness.roomAgain();
    clock.run(2);
    const delays = lateness.sent(100);
    expect(delays).toEqual({ delayMs: 402, heldMs: 400 });
    expect(lateness.touched(replayRecord(delays))).toBe(false);
    const verdict = lateness.verdict();
    expect(verdict).toMatchObject({ valid: false, held: 1, longestHeldMs: 400 });
    expect(verdict.why).toEqual([
      "1 requests waited up to 400 ms because 8 were in flight (--max-in-flight)",
    ]);
    expect(verdict.sendLatenessMs?.max).toBe(2);
  });
});
