import type { Case } from "./cases.ts";
import { type RoutingFigures, figuresOf } from "./figures.ts";
import { ModelEngine } from "./model-engine.ts";
import { oracleChoice } from "./oracle.ts";
import type { TimedRequest } from "./workload.ts";

/** What routes in a virtual run, and hears what comes of it. */
export interface VirtualRouter {
  /** @param there 1 for engines that take requests */
  choose(request: TimedRequest, engines: readonly ModelEngine[], there: Uint8Array, nowMs: number): number;
  firstToken(id: number, nowMs: number): void;
  over(id: number, nowMs: number): void;
  /** Every `PROBE_MS`, and when an engine has come. */
  probed(engines: readonly ModelEngine[], there: Uint8Array, nowMs: number): void;
  /** The engine is new or was away: its cache is empty. */
  came(engine: number): void;
}

/** As `health.probe.intervalMs` is by default. */
const PROBE_MS = 2000;

export const oracle: VirtualRouter = {
  choose: (request, engines, there, nowMs) => oracleChoice(engines, there, request, nowMs),
  firstToken: () => {},
  over: () => {},
  probed: () => {},
  came: () => {},
};

/**
 * Plays a case in virtual time: engines by their steps, a router that is told at once of tokens, and of loads by probes.
 * What an engine had when it stopped is sent again.
 */
export function virtualRun(
  { engines: settings, changes, requests, firstCounted }: Case,
  router: VirtualRouter,
): RoutingFigures {
  const engines = settings.map((one) => new ModelEngine(one));
  const there = new Uint8Array(engines.length).fill(1);
  for (const { kind, engine } of changes) if (kind === "joins") there[engine] = 0;
  const durationMs = requests[requests.length - 1].atMs;
  const changesLeft = changes.toSorted((a, b) => a.at - b.at);
  const times = requests.map(() => ({ ttftMs: Number.NaN, wholeMs: Number.NaN }));
  const sentTo = new Map<number, number>();
  let next = 0;
  let probeMs = 0;
  const send = (request: TimedRequest, nowMs: number): void => {
    const engine = router.choose(request, engines, there, nowMs);
    sentTo.set(request.id, engine);
    engines[engine].submit(request, nowMs);
  };
  for (;;) {
    const arrivalMs = next < requests.length ? requests[next].atMs : Number.POSITIVE_INFINITY;
    const changeMs = changesLeft.length > 0 ? changesLeft[0].at * durationMs : Number.POSITIVE_INFINITY;
    let stepMs = Number.POSITIVE_INFINITY;
    let stepping = -1;
    for (const [i, { stepEndsMs }] of engines.entries()) {
      if (stepEndsMs >= stepMs) continue;
      stepMs = stepEndsMs;
      stepping = i;
    }
    const soonest = Math.min(arrivalMs, changeMs, stepMs);
    if (soonest === Number.POSITIVE_INFINITY) break;
    if (probeMs <= soonest) {
      router.probed(engines, there, probeMs);
      probeMs += PROBE_MS;
    } else if (changeMs === soonest) {
      const [{ kind, engine }] = changesLeft.splice(0, 1);
      there[engine] = kind === "stops" ? 0 : 1;
      if (kind === "stops") {
        engines[engine].stop();
        for (const [id, at] of sentTo) {
          if (at !== engine) continue;
          router.over(id, soonest);
          if (Number.isNaN(times[id].ttftMs)) send(requests[id], soonest);
          else sentTo.delete(id);
        }
      } else router.came(engine);
      router.probed(engines, there, soonest);
    } else if (stepMs === soonest) {
      const { first, done } = engines[stepping].endStep();
      for (const id of first) {
        times[id].ttftMs = stepMs - requests[id].atMs;
        router.firstToken(id, stepMs);
      }
      for (const id of done) {
        times[id].wholeMs = stepMs - requests[id].atMs;
        sentTo.delete(id);
        router.over(id, stepMs);
      }
    } else {
      if (next === firstCounted) for (const engine of engines) engine.resetServed();
      send(requests[next++], arrivalMs);
    }
  }
  return figuresOf(
    times.slice(firstCounted),
    engines.map(({ served }) => served),
  );
}
