import { expect, test } from "vitest";
import type { SlotsRoom, TrafficPoint, TrafficRoom } from "../../src/dashboard/room/room.ts";
import { axisTicks } from "../../src/dashboard/room/axis-ticks.ts";
import { roomWithin, slotsText, trafficText, usualLimits } from "../../src/dashboard/room/room-text.ts";

const ANSWER = { why: null, atMs: 0, gpus: null, stopped: false, notes: [] };

function point(factor: number, ttft: number, itl: number, keepsUp = true): TrafficPoint {
  const two = (p95: number) => ({ p50: p95 / 2, p95 });
  return {
    factor,
    requestsPerSecond: 40 * factor,
    tokensPerSecond: 1000 * factor,
    keepsUp,
    stepMs: 30,
    ttftMs: two(ttft),
    itlMs: two(itl),
  };
}

const MEASURED = {
  seconds: 60,
  requestsPerSecond: 40,
  promptTokens: 20,
  answerTokens: 5,
  tokensPerSecond: 1000,
  ttftMs: { p50: 300, p95: 444 },
  itlMs: { p50: 20, p95: 31 },
};
const TRAFFIC: TrafficRoom = {
  ...ANSWER,
  measured: MEASURED,
  most: { tokensPerSecond: 1900, factor: 1.9, atLeast: false },
  points: [point(0.5, 200, 20), point(1, 400, 30), point(1.5, 800, 40), point(2, 4000, 50, false)],
};

test("the room is where the first of the times is lost, or where the pool carries no more", () => {
  // Between 400 and 800 ms, half way from today's traffic to half as much again.
  expect(roomWithin(TRAFFIC, { ttftMs: 600, itlMs: 99 })).toEqual({ factor: 1.25, ends: "ttft" });
  expect(roomWithin(TRAFFIC, { ttftMs: 700, itlMs: 32 })).toEqual({ factor: 1.1, ends: "itl" });
  expect(roomWithin(TRAFFIC, { ttftMs: 9000, itlMs: 99 })).toEqual({ factor: 1.9, ends: "carries" });
  expect(roomWithin(TRAFFIC, { ttftMs: 100, itlMs: 99 })).toEqual({ factor: 0, ends: "ttft" });
  const open = { points: TRAFFIC.points.slice(0, 3), most: { tokensPerSecond: 1, factor: 9, atLeast: true } };
  expect(roomWithin(open, { ttftMs: 9000, itlMs: 99 })).toEqual({ factor: 1.5, ends: null });
  // Times that nobody knows end nothing.
  const unknown = { ...open, points: open.points.map((one) => ({ ...one, ttftMs: null, itlMs: null })) };
  expect(roomWithin(unknown, { ttftMs: 1, itlMs: 1 }).ends).toBeNull();
});

test("the room in a sentence", () => {
  expect(usualLimits(TRAFFIC)).toEqual({ ttftMs: 670, itlMs: 47 });
  expect(trafficText(TRAFFIC, { ttftMs: 600, itlMs: 99 })).toBe(
    "Room: traffic × 1.25 (50 requests/s); beyond it, first tokens (p95) take longer than 600 ms. It carries 1,900 tokens/s at most, × 1.90 of today's.",
  );
  expect(trafficText(TRAFFIC, { ttftMs: 9000, itlMs: 99 })).toBe(
    "Room: traffic × 1.90 (76 requests/s, 1,900 tokens/s); beyond it, requests queue up without end.",
  );
  expect(trafficText(TRAFFIC, { ttftMs: 300, itlMs: 99 })).toMatch(
    /^No room: the twin carries traffic × 0\.75 \(30 requests\/s\); beyond it, first tokens/,
  );
  expect(trafficText(TRAFFIC, { ttftMs: 600, itlMs: 1 })).toMatch(
    /^No room: times between tokens \(p95\) exceed 1 ms even at × 0\.5 of this traffic\./,
  );
  const open = {
    ...TRAFFIC,
    points: TRAFFIC.points.slice(0, 3),
    most: { tokensPerSecond: 9000, factor: 9, atLeast: true },
  };
  expect(trafficText(open, { ttftMs: 9000, itlMs: 99 })).toBe(
    "Room: traffic × 1.5 (60 requests/s) and more. It carries more than 9,000 tokens/s, × 9.00 of today's.",
  );
});

test("where time was over before any traffic was tried, no room is claimed, and none denied", () => {
  const nothing = { ...TRAFFIC, stopped: true, most: null, points: [] };
  expect(trafficText(nothing, { ttftMs: 600, itlMs: 99 })).toBe(
    "How much more traffic there is room for is not known.",
  );
  expect(trafficText({ ...nothing, points: [point(1, 400, 30)] }, { ttftMs: 600, itlMs: 99 })).toBe(
    "Room: traffic × 1 (40 requests/s) and more.",
  );
});

function slots(now: number, ...stepFactors: readonly number[]): SlotsRoom {
  const points = stepFactors.map((stepFactor, i) => ({
    slotsPerGpu: 8 + i,
    redundant: 32 * i,
    stepFactor,
    fullestGpu: 1,
    throughput: null,
  }));
  return { ...ANSWER, points, now: { ...points[1], stepFactor: now }, slotBytes: 2.5e9 };
}

test("what other slots would do, from today's second of them", () => {
  expect(slotsText(slots(1.2, 1.4, 1.19, 1.12, 1.115, 1.11))).toBe(
    "Experts placed anew would take steps from 1.20 × to 1.19 × level. 64 more redundant slots would take steps from 1.19 × to 1.11 × level, and 5 GB of each GPU.",
  );
  expect(slotsText(slots(1.05, 1.051, 1.05, 1.046))).toBe(
    "More redundant slots would not shorten steps. 32 fewer would do, and free 2.5 GB of each GPU.",
  );
  const known = slots(1.2, 1.4, 1.19, 1.12);
  const throughputs = [0.9, 1.01, 1.0605];
  const points = known.points.map((one, i) => ({ ...one, throughput: throughputs[i] }));
  expect(slotsText({ ...known, points, now: { ...points[1], stepFactor: 1.2, throughput: 1 } })).toBe(
    "Experts placed anew would take steps from 1.20 × to 1.19 × level (full ones forward 1.0 % more tokens). 32 more redundant slots would take steps from 1.19 × to 1.12 × level (full ones forward 5.0 % more tokens), and 2.5 GB of each GPU.",
  );
  // Nothing more fits.
  expect(slotsText(slots(1.05, 1.2, 1.05))).toBe("");
});

test("ticks are round, evenly apart, and hold what is drawn", () => {
  expect(axisTicks(1, 1.25)).toEqual([1, 1.1, 1.2, 1.3]);
  expect(axisTicks(0, 5745)).toEqual([0, 2000, 4000, 6000]);
  expect(axisTicks(0, 196_000)).toEqual([0, 50_000, 100_000, 150_000, 200_000]);
  for (const most of [0.003, 1, 7, 99, 12_345]) {
    const ticks = axisTicks(0, most);
    expect(ticks.at(-1)).toBeGreaterThanOrEqual(most);
    expect(ticks.length).toBeGreaterThanOrEqual(3);
    expect(ticks.length).toBeLessThanOrEqual(7);
  }
  // Where all is one value there is still an axis.
  expect(axisTicks(1, 1).length).toBeGreaterThanOrEqual(2);
});
