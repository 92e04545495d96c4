import { expect, test } from "vitest";
import { TrafficLog } from "../../src/serving/traffic/traffic-log.ts";
import type { TrafficObserver } from "../../src/serving/traffic/traffic-observer.ts";
import { TrafficMeter } from "../../src/serving/traffic/traffic-meter.ts";
import { UNHEARD } from "../../src/serving/traffic/unheard.ts";

interface Measure {
  readonly what: string;
  readonly ms: number;
}

function meterAt(start: number) {
  const clock = { time: start, now: () => clock.time };
  const received: Measure[] = [];
  const meter = new TrafficMeter(clock, {
    ...UNHEARD,
    firstFrame: (_pool, ms) => received.push({ what: "first", ms }),
    laterFrame: (_pool, ms) => received.push({ what: "later", ms }),
    ended: (_pool, ms, what) => received.push({ what, ms }),
  });
  return { clock, received, meter };
}

test("measures the first frame from arrival and later ones from the one before", () => {
  const { clock, received, meter } = meterAt(1000);
  const timing = meter.begin("a");
  clock.time = 1150;
  timing.contentFrames(1);
  clock.time = 1170;
  timing.contentFrames(1);
  clock.time = 1200;
  timing.end("ok");
  expect(received).toEqual([
    { what: "first", ms: 150 },
    { what: "later", ms: 20 },
    { what: "ok", ms: 200 },
  ]);
});

test("reports totals, and rates since the last report", () => {
  const { clock, meter } = meterAt(0);
  const first = meter.begin("a");
  const second = meter.begin("a");
  first.contentFrames(1);
  first.contentFrames(3);
  expect(first.frames).toBe(4);
  second.end("failed");
  clock.time = 2000;
  expect(meter.report(77)).toMatchObject({
    atMs: 77,
    inFlight: 1,
    requests: 2,
    failed: 1,
    requestsPerSecond: 1,
    framesPerSecond: 2,
  });
  clock.time = 3000;
  expect(meter.report(78)).toMatchObject({
    inFlight: 1,
    requests: 2,
    requestsPerSecond: 0,
    framesPerSecond: 0,
  });
});

test("percentiles are within 1 % and forget what is ten reports old", () => {
  const { clock, meter } = meterAt(0);
  for (let ms = 1; ms <= 100; ms++) {
    const arrival = clock.time;
    const timing = meter.begin("a");
    clock.time = arrival + ms;
    timing.contentFrames(1);
    timing.end("ok");
  }
  for (let report = 0; report < 10; report++) {
    const { ttftMs, itlMs } = meter.report(0);
    expect(Math.abs((ttftMs?.p50 ?? 0) / 50 - 1)).toBeLessThan(0.01);
    expect(Math.abs((ttftMs?.p95 ?? 0) / 95 - 1)).toBeLessThan(0.01);
    expect(itlMs).toBeNull();
  }
  expect(meter.report(0).ttftMs).toBeNull();
});

test("what another process has measured is observed as if it were measured here, once", () => {
  const answer = { status: 200, ok: true, firstByteMs: 5, bytes: 9, tokens: 2 };
  const counted = { model: "m", prompt: 3, answer: 2, cached: null, reported: true };
  const tell = (to: TrafficObserver) => {
    to.firstFrame("p", 1, "trace");
    to.laterFrame("p", 2);
    to.ended("p", 3, "ok", "trace");
    to.responded("p", { model: "m", status: 200, errorType: "" });
    to.chosen("p", "m", "weight");
    to.shadowed("q", "m", "ok");
    to.shadowed("q", "m", { served: answer, copy: answer });
    to.resent("p");
    to.retryDenied("p");
    to.tokens("p", counted);
    to.refused("p", "at_capacity");
  };
  const heard = (calls: unknown[][]) =>
    new Proxy({} as TrafficObserver, {
      get:
        (_, call) =>
        (...rest: unknown[]) =>
          calls.push([call, ...rest]),
    });
  const said: unknown[][] = [];
  tell(heard(said));
  const log = new TrafficLog();
  tell(log);
  const relayed: unknown[][] = [];
  const meter = new TrafficMeter({ now: () => 0 }, heard(relayed));
  const totals = { inFlight: 0, requests: 1, frames: 2 };
  meter.received({ ...totals, ...log.take() }, null);
  meter.received({ ...totals, ...log.take() }, { ...totals, ...log.take() });
  expect(relayed).toHaveLength(said.length);
  expect(relayed).toEqual(expect.arrayContaining(said));
});
