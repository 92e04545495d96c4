import { describe, expect, it, test } from "vitest";
import { SMALL_MODEL } from "../../harness/small-model.ts";
import { Rng } from "../../src/lib/rng.ts";
import type { LocalitySettings } from "../../src/model/model-settings.ts";
import type { RoutingTrace } from "../../src/model/routing-trace.ts";
import { signatureShape } from "../../src/routing/locality/signature-shape.ts";
import { localityReport } from "../../src/serving/locality/locality-report.ts";
import { ModelLocality } from "../../src/serving/locality/model-locality.ts";
import { type RequestFacts, requestFacts } from "../../src/serving/request/request-facts.ts";
import type { ServingPool } from "../../src/serving/serving-pool.ts";
import type { RequestTiming } from "../../src/serving/traffic/traffic-meter.ts";
import { localityPage } from "../../src/http/locality-page.ts";
import { HandClock } from "../hand-clock.ts";

const { moeLayers, experts, topk } = SMALL_MODEL;
const SHADOW: LocalitySettings = { mode: "shadow", percent: 100, switchbackMinutes: null, loadBand: 0.1 };
const ON: LocalitySettings = { ...SHADOW, mode: "on" };

/** As far as it goes. @param snapshot null where it is not known where experts are */
function pool(name: string, snapshot: object | null): ServingPool {
  const made = { name, snapshot, deployment: null };
  return { ...made, current: made } as unknown as ServingPool;
}

/** Of a domain: eight of the experts. */
function routing(domain: number, rng: Rng): RoutingTrace {
  const tokens = 16;
  const ids = Int16Array.from(
    { length: tokens * moeLayers.length * topk },
    (_, i) => 8 * domain + 2 * (i % topk) + rng.below(2),
  );
  return { tokens, layers: moeLayers.length, topk, experts: ids };
}

const IN_FLIGHT = 16;
const EVERY_MS = 700;

/** Requests of two domains, that are placed by hand as a router would. */
class Case {
  readonly clock = new HandClock();
  readonly turns: (() => void)[] = [];
  readonly locality: ModelLocality;
  readonly rng = new Rng(1);

  constructor(settings: LocalitySettings, follows = false, snapshot: object | null = null) {
    const options = {
      follows,
      shape: signatureShape(moeLayers.length, experts, topk),
      sketchBytes: 1 << 20,
      clock: this.clock,
      wallClock: () => this.clock.ms,
      later: (turn: () => void) => void this.turns.push(turn),
      seed: 1,
    };
    this.locality = new ModelLocality(
      "m",
      SMALL_MODEL,
      [pool("a", snapshot), pool("b", null)],
      settings,
      options,
    );
    // So many are always in flight.
    for (let i = 0; i < IN_FLIGHT; i++) this.locality.begin(this.facts(i)).sentTo(i % 2, 100);
  }

  facts(session: number): RequestFacts {
    const origin = {
      tenant: "anonymous",
      session: `s${session}`,
      priority: 0,
      rank: -1,
      models: null,
      owner: null,
    };
    return requestFacts(Buffer.from('{"model":"m","prompt":"hi"}'), origin);
  }

  /** One that is in flight for so long, and takes so long for each token. @param at by its arm and domain */
  send(session: number, domain: number, at: (acts: boolean) => number, tpotMs = 10): string {
    const request = this.locality.begin(this.facts(session));
    const acts = request.acts;
    // The shadow's choice.
    if (request.question !== null) request.place = domain;
    request.sentTo(at(acts), 100);
    this.clock.ms += EVERY_MS;
    request.routed(routing(domain, this.rng));
    request.over();
    const timing = { arrivalMs: 0, firstFrameMs: 5, lastFrameMs: 5 + 9 * tpotMs } as RequestTiming;
    request.answered(timing, 10);
    this.work();
    return acts ? "locality" : "control";
  }

  work(): void {
    while (this.turns.length > 0) this.turns.shift()?.();
  }

  report() {
    return localityReport(this.locality, this.clock.ms, "g");
  }
}

describe("the shadow", () => {
  it("says what steps would have read with requests at their like, by what answers have named", () => {
    const one = new Case(SHADOW);
    for (let i = 0; i < 400; i++) one.send(i, i % 2, () => (i >> 1) % 2);
    const { experts: found, times, comparison, choices, fullest } = one.report();
    expect(comparison).toBe("shadow");
    expect(times).toBeNull();
    expect(choices).toEqual({ sent: 400 + IN_FLIGHT, byExperts: 400, elsewhere: 200 });
    const { batches, distinct, saved, interval, stepTokens } = found ?? expect.fail();
    expect(batches).toBeGreaterThan(5);
    expect(stepTokens).toBeCloseTo(IN_FLIGHT / 2, 0);
    // A token selects half of its domain's eight experts: four tokens of each domain, or eight of one.
    expect(distinct.control).toBeCloseTo(2 * 8 * (1 - 0.5 ** 4), 0);
    expect(distinct.locality).toBeCloseTo(8 * (1 - 0.5 ** 8), 0);
    expect(saved).toBeGreaterThan(0.42);
    expect(interval?.low).toBeGreaterThan(0.4);
    expect(interval?.high).toBeLessThan(0.55);
    expect(fullest.control).toBeGreaterThanOrEqual(1);
    expect(localityPage(one.report())).toMatch(/would have read 4\d\.\d % fewer of them/);
  });
});

test("where experts are known to be, node hops are those of the requests' own tokens", () => {
  // Those of a domain are on a node by themselves.
  const topology = { nodes: 4, gpusPerNode: 1, slotsPerGpu: 8 };
  const slots = moeLayers.length * 32;
  const placement = {
    layers: moeLayers.length,
    experts,
    topology,
    physicalToLogical: Int32Array.from({ length: slots }, (_, i) => i % 32),
  };
  const snapshot = { placement, shares: { values: new Float64Array(slots).fill(1) } };
  const one = new Case(SHADOW, false, snapshot);
  for (let i = 0; i < 200; i++) one.send(i, i % 2, () => (i >> 1) % 2);
  const { experts: found } = one.report();
  // One node of four, from any of them; of the other pool nothing is known.
  expect(found?.nodeHops).toEqual({ control: 0.75, locality: 0.75 });
  expect(localityPage(one.report())).toMatch(/node hops of a token.*0\.75/s);
  const unknown = new Case(SHADOW);
  for (let i = 0; i < 200; i++) unknown.send(i, i % 2, () => (i >> 1) % 2);
  expect(unknown.report().experts?.nodeHops).toEqual({ control: null, locality: null });
});

describe("sessions by percent", () => {
  it("stay in their arm, and a difference that is there lies in the interval", () => {
    const one = new Case({ ...ON, percent: 40 });
    const arms = new Map<number, string>();
    for (let i = 0; i < 1200; i++) {
      const session = i % 400;
      const slow = one.locality.begin(one.facts(session)).acts ? 9 : 10;
      const arm = one.send(session, i % 2, () => i % 2, slow + (session % 5) + one.rng.normal());
      expect(arms.get(session) ?? arm).toBe(arm);
      arms.set(session, arm);
    }
    const { times, comparison, pools } = one.report();
    expect(comparison).toBe("sessions");
    const { difference, interval, ms } = times?.tpot ?? expect.fail();
    expect(interval?.low).toBeLessThan(-1);
    expect(interval?.high).toBeGreaterThan(-1);
    expect(interval?.high).toBeLessThan(0);
    expect(difference).toBeCloseTo(-1, 0);
    expect((ms.control?.count ?? 0) + (ms.locality?.count ?? 0)).toBe(1200);
    const sent = pools.reduce((sum, { requests }) => sum + requests.control + requests.locality, 0);
    expect(sent).toBe(1200 + IN_FLIGHT);
  });

  it("count anew after a reload that changes them, and what was in flight then counts nowhere; what was learned stays", () => {
    const one = new Case({ ...ON, percent: 50 });
    for (let i = 0; i < 50; i++) one.send(i, i % 2, () => i % 2);
    const before = one.locality.begin(one.facts(1));
    before.sentTo(0, 100);
    one.locality.update(one.locality.pools, { ...ON, percent: 60 });
    before.answered({ arrivalMs: 0, firstFrameMs: 1, lastFrameMs: 9 } as RequestTiming, 4);
    before.over();
    expect(one.report().times?.tpot.ms).toEqual({ control: null, locality: null });
    expect(one.report().known).toMatchObject({ requests: 0, answers: { learned: 50, ignored: 0 } });
    expect(one.locality.inFlight).toBe(IN_FLIGHT);
    expect(one.locality.begin(one.facts(1)).signature).not.toBeNull();
    const { tally } = one.locality;
    one.locality.update(one.locality.pools, { ...ON, percent: 60 });
    expect(one.locality.tally).toBe(tally);
  });
});

test("with all requests in one arm there is nothing to compare with", () => {
  const one = new Case(ON);
  for (let i = 0; i < 80; i++) one.send(i, i % 2, () => i % 2);
  const { comparison, experts: found, times } = one.report();
  expect(comparison).toBe("none");
  expect(found?.distinct).toMatchObject({ control: null });
  expect([found?.saved, times?.tpot.difference]).toEqual([null, null]);
  expect(localityPage(one.report())).toContain("there is nothing to compare with");
});

describe("periods", () => {
  it("are all of one arm, and each is a unit", () => {
    const one = new Case({ ...ON, switchbackMinutes: 1 });
    const arms = new Map<number, Set<string>>();
    while (one.clock.ms < 20 * 60_000) {
      const period = Math.floor(one.clock.ms / 60_000);
      const i = Math.floor(one.clock.ms / EVERY_MS);
      const tpotMs = one.locality.period?.arm === "locality" ? 8 : 10;
      const arm = one.send(i, i % 2, (acts) => (acts ? i % 2 : (i >> 1) % 2), tpotMs);
      arms.set(period, (arms.get(period) ?? new Set()).add(arm));
    }
    expect([...arms.values()].every(({ size }) => size === 1)).toBe(true);
    const { times, experts: found, comparison } = one.report();
    expect(comparison).toBe("periods");
    const { ms, difference } = times?.tpot ?? expect.fail();
    expect([ms.control?.units, ms.locality?.units]).toEqual([10, 10]);
    expect(difference).toBeCloseTo(-2, 5);
    expect(found?.batches).toBe(20);
    expect(found?.saved).toBeGreaterThan(0.4);
    expect(found?.interval?.low).toBeGreaterThan(0.35);
    expect(localityPage(one.report())).toContain("A whole period is one unit.");
  });
});

describe("a process that follows another", () => {
  it("leaves there what it counts and sees, for one report of all", () => {
    const [one, two, primary] = [new Case(SHADOW, true), new Case(SHADOW, true), new Case(SHADOW)];
    const idle = new Case(SHADOW, true);
    const own = IN_FLIGHT;
    for (let i = 0; i < 400; i++) {
      for (const [process, worker] of [one, two].entries()) {
        worker.send(i, i % 2, () => (i >> 1) % 2);
        if (i % 4 !== 3) continue;
        const share = worker.locality.share();
        primary.locality.add(process, share);
        if (worker === one) idle.locality.hear(share.samples);
        idle.work();
      }
      primary.clock.ms += EVERY_MS;
      primary.work();
    }
    const { choices, pools, experts: found, fullest, known } = primary.report();
    expect(choices).toEqual({ sent: 2 * (400 + IN_FLIGHT) + own, byExperts: 800, elsewhere: 400 });
    expect(pools.reduce((sum, { requests }) => sum + requests.locality, 0)).toBe(choices.sent);
    expect(known).toMatchObject({ requests: 2 * (400 + IN_FLIGHT) + own, answers: { learned: 800 } });
    expect(known.kinds).toBe(one.locality.known.kinds);
    expect(known.groupRequests).toBeGreaterThan(700);
    expect(found?.batches).toBeGreaterThan(5);
    // Of the three together.
    expect(found?.stepTokens).toBeCloseTo((3 * IN_FLIGHT) / 2, 0);
    expect(found?.saved).toBeGreaterThan(0.25);
    expect(fullest.control).toBeGreaterThanOrEqual(1);
    expect(primary.locality.inFlight).toBe(3 * IN_FLIGHT);
    for (const process of [0, 1]) primary.locality.gone(process);
    expect(primary.locality.inFlight).toBe(IN_FLIGHT);
    // What one has seen another knows, and counts it as nobody's answer.
    const mixOf = (locality: ModelLocality) => locality.begin(one.facts(7)).signature?.mix;
    expect(mixOf(idle.locality)).toEqual(mixOf(one.locality));
    expect(idle.locality.answers).toEqual({ learned: 0, ignored: 0 });
    // It learns nothing itself.
    expect(one.locality.groups).toBeNull();
    expect(one.report().experts).toBeNull();
    expect(one.locality.takeGroups(primary.locality.groups ?? expect.fail())).toBe(true);
    expect(one.locality.groups?.groups.mixes).toEqual(primary.locality.groups?.groups.mixes);
  });

  it("counts its times there, and nothing under settings that are past", () => {
    const [worker, primary] = [new Case({ ...ON, percent: 50 }, true), new Case({ ...ON, percent: 50 })];
    for (let i = 0; i < 60; i++) worker.send(i, i % 2, () => i % 2);
    primary.locality.add(1, worker.locality.share());
    const times = () => {
      const { control, locality } = primary.report().times?.tpot.ms ?? expect.fail();
      return (control?.count ?? 0) + (locality?.count ?? 0);
    };
    expect(times()).toBe(60);
    for (let i = 0; i < 60; i++) worker.send(i, i % 2, () => i % 2);
    primary.locality.update(primary.locality.pools, { ...ON, percent: 60 });
    primary.locality.add(1, worker.locality.share());
    expect(times()).toBe(0);
    expect(primary.locality.inFlight).toBe(2 * IN_FLIGHT);
  });
});
