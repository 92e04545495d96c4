import { expect, it, vi } from "vitest";
import { PlayClock } from "../../src/cli/play-clock.ts";
import { MadeUpTraffic, type PlayedTraffic, TraceTraffic } from "../../src/cli/played-traffic.ts";
import { TrafficPlayer } from "../../src/cli/traffic-player.ts";
import type { TrafficChange } from "../../src/model/simulation.ts";

function request(arrivalMs: number, inputTokens = arrivalMs) {
  return { arrivalMs, inputTokens, outputTokens: 1 };
}

/** A request every second, ten of them. */
const SECONDS = Array.from({ length: 10 }, (_, i) => request(1000 * i));
const FOREVER = Number.POSITIVE_INFINITY;

/** Plays to the end, with changes at their times. @returns which requests started when, and the player by then */
async function played(
  traffic: PlayedTraffic,
  changes: readonly (readonly [atMs: number, change: TrafficChange])[] = [],
  durationMs = FOREVER,
) {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setImmediate", "performance"] });
  try {
    const beganAt = performance.now();
    const now = () => performance.now() - beganAt;
    const stop = new AbortController();
    const starts: [startMs: number, request: number][] = [];
    const player = new TrafficPlayer(traffic, 2, durationMs);
    for (const [atMs, change] of changes) setTimeout(() => player.change(change), atMs);
    const play = player.play({
      now,
      signal: stop.signal,
      at: ({ startMs, request: { inputTokens } }) => {
        starts.push([Math.round(startMs), inputTokens]);
        return { sent: Promise.resolve(true), ended: Promise.resolve(null) };
      },
    });
    const over = Promise.withResolvers<boolean>();
    void play.then(() => over.resolve(true));
    const step = () => Promise.race([over.promise, vi.advanceTimersByTimeAsync(10).then(() => false)]);
    while (now() < 60_000 && !(await step()));
    const summary = player.summary;
    stop.abort();
    await vi.advanceTimersByTimeAsync(1);
    await play;
    return { starts, summary, endedAt: now(), player };
  } finally {
    vi.useRealTimers();
  }
}

it("plays a trace as it is, as long as nobody steers it, and ends with it", async () => {
  const { starts, summary } = await played(new TraceTraffic("t.csv", SECONDS));
  expect(starts).toEqual(SECONDS.map(({ arrivalMs }) => [arrivalMs, arrivalMs]));
  expect(summary).toMatchObject({ name: "t.csv", paused: false, pausedMs: 0, factor: 1, most: 2 });
  expect(summary.trace).toMatchObject({ lengthMs: 9000, speed: 1 });
});

it("a pause holds arrivals back, not what was given, and is counted", async () => {
  const { starts, summary } = await played(new TraceTraffic("t.csv", SECONDS), [
    [2500, { kind: "pause" }],
    [2600, { kind: "pause" }],
    [7500, { kind: "go-on" }],
  ]);
  const late = SECONDS.map(({ arrivalMs }) => [arrivalMs + (arrivalMs > 2500 ? 5000 : 0), arrivalMs]);
  expect(starts).toEqual(late);
  expect(summary.pausedMs).toBe(5000);
});

it("a trace goes at other speeds from the change on", async () => {
  const { starts } = await played(new TraceTraffic("t.csv", SECONDS), [
    [3000, { kind: "speed", speed: 5 }],
    [4000, { kind: "speed", speed: 0.5 }],
  ]);
  const at = [0, 1000, 2000, 3000, 3200, 3400, 3600, 3800, 4000, 6000];
  expect(starts.map(([startMs]) => startMs)).toEqual(at);
});

it("a jump, also one in a pause, and a new beginning", async () => {
  const { starts } = await played(new TraceTraffic("t.csv", SECONDS), [
    [1500, { kind: "jump", atMs: 6500 }],
    [2200, { kind: "pause" }],
    [2300, { kind: "jump", atMs: 20_000 }],
    [3000, { kind: "again" }],
    [3500, { kind: "jump", atMs: 9000 }],
  ]);
  expect(starts).toEqual([
    [0, 0],
    [1000, 1000],
    [2000, 7000],
    [3000, 0],
    [3500, 9000],
  ]);
});

it("more of a trace is each request again, spread to the next; less of it leaves some out", async () => {
  const of = (factor: number) => {
    const traffic = new TraceTraffic("t.csv", SECONDS);
    traffic.setTimes(factor);
    traffic.seek(0);
    const given: number[] = [];
    for (let next = traffic.peek(); next !== null; next = traffic.peek()) {
      given.push(next.arrivalMs);
      traffic.take();
    }
    return given;
  };
  expect(of(1.5).slice(0, 6)).toEqual([0, 1000, 1500, 2000, 3000, 3500]);
  expect([0.1, 0.7, 1, 1.1, 2].map((factor) => of(factor).length)).toEqual([1, 7, 10, 11, 20]);
});

it("made-up traffic begins again as it began, comes more often, and has no time to jump to", async () => {
  function* endless() {
    for (let i = 0; ; i++) yield request(1000 * i, i);
  }
  const { starts, player } = await played(
    new MadeUpTraffic("made up", endless),
    [
      [1500, { kind: "traffic", factor: 2 }],
      [1600, { kind: "jump", atMs: 0 }],
      [1600, { kind: "speed", speed: 2 }],
      [2500, { kind: "again" }],
    ],
    3600,
  );
  expect(starts).toEqual([
    [0, 0],
    [1000, 1],
    [1750, 2],
    [2250, 3],
    [2500, 0],
    [3000, 1],
    [3500, 2],
  ]);
  expect(player.state).toEqual({ name: "made up", factor: 2, most: 2, paused: false, trace: null });
});

it("says when the last request starts, as far as that is known", async () => {
  const player = new TrafficPlayer(new TraceTraffic("t.csv", SECONDS), 2, FOREVER);
  expect(player.endsAtMs).toBe(9000);
  player.change({ kind: "speed", speed: 2 });
  expect(player.endsAtMs).toBe(4500);
  player.change({ kind: "pause" });
  expect(player.endsAtMs).toBeNull();
  const made = () => new MadeUpTraffic("made up", () => SECONDS);
  expect(new TrafficPlayer(made(), 2, FOREVER).endsAtMs).toBeNull();
  expect(new TrafficPlayer(made(), 2, 3000).endsAtMs).toBe(3000);
});

it("knows how long of a time it stood still", () => {
  const clock = new PlayClock();
  clock.pause(10);
  clock.goOn(30);
  clock.pause(50);
  expect([clock.pausedMs(0, 40), clock.pausedMs(20, 60), clock.pausedMs(30, 50)]).toEqual([20, 20, 0]);
});
