import { afterEach, describe, expect, test } from "vitest";
import { SMALL_MODEL } from "../../harness/small-model.ts";
import { Reading } from "../../src/lib/reading.ts";
import { Rng } from "../../src/lib/rng.ts";
import type { LocalitySettings } from "../../src/model/model-settings.ts";
import { GROUPS_HOLD_MS, GROUP_KINDS, GroupSharer } from "../../src/pools/group-sharer.ts";
import { signatureShape } from "../../src/routing/locality/signature-shape.ts";
import { ModelLocality } from "../../src/serving/locality/model-locality.ts";
import { requestFacts } from "../../src/serving/request/request-facts.ts";
import type { ServingPool } from "../../src/serving/serving-pool.ts";
import { LocalStore } from "../../src/store/local/local-store.ts";
import { HandClock } from "../hand-clock.ts";
import { patiently } from "../patiently.ts";

const { moeLayers, experts, topk } = SMALL_MODEL;
const ON: LocalitySettings = { mode: "on", percent: 100, switchbackMinutes: null, loadBand: 0.1 };
const LEASE_MS = 300;
const ORIGIN = { tenant: "anonymous", session: null, priority: 0, rank: -1, models: null, owner: null };

/** As far as it goes: a pool that knows nothing of where its experts are. */
function pool(name: string): ServingPool {
  const made = { name, snapshot: null, deployment: null };
  return { ...made, current: made } as unknown as ServingPool;
}

/** A gateway's part of it, with a clock of its own or a common one. */
class Process {
  readonly clock: HandClock;
  readonly locality: ModelLocality;
  readonly sharer: GroupSharer;
  readonly rng: Rng;
  readonly #turns: (() => void)[] = [];

  constructor(store: LocalStore, holder: string, clock: HandClock, clustered = true, leaseMs = LEASE_MS) {
    this.clock = clock;
    this.rng = new Rng(holder.length);
    const shape = signatureShape(moeLayers.length, experts, topk);
    const turns = {
      clock,
      wallClock: () => clock.ms,
      later: (turn: () => void) => void this.#turns.push(turn),
    };
    const made = { ...turns, shape, sketchBytes: 1 << 20, seed: 1 };
    this.locality = new ModelLocality("m", SMALL_MODEL, [pool("a"), pool("b")], ON, made);
    this.sharer = new GroupSharer({
      locality: this.locality,
      store: store.pool("model:m"),
      holder,
      leaseMs,
      clustered,
      clock,
      reading: new Reading("groups", GROUP_KINDS, fail),
      onFault: fail,
    });
  }

  /** An answer of a domain, whose pool has its number. */
  answer(domain: number): void {
    const request = this.locality.begin(requestFacts(Buffer.from('{"model":"m","prompt":"hi"}'), ORIGIN));
    request.sentTo(domain, 100);
    const tokens = 16;
    const ids = Int16Array.from(
      { length: tokens * moeLayers.length * topk },
      (_, i) => 8 * domain + 2 * (i % topk) + this.rng.below(2),
    );
    request.routed({ tokens, layers: moeLayers.length, topk, experts: ids });
    request.over();
    this.work();
  }

  work(): void {
    while (this.#turns.length > 0) this.#turns.shift()?.();
  }

  /** The part of a pool's requests that uses the experts of a domain. */
  holds(at: number, domain: number): number {
    const mix = this.locality.groups?.groups.mixes[at];
    if (mix === undefined) return 0;
    const of = (first: number) => mix.slice(first, first + 8).reduce((sum, one) => sum + one, 0);
    return of(8 * domain) / (of(0) + of(8));
  }
}

function fail(fault: Error): void {
  throw fault;
}

const running: GroupSharer[] = [];
async function started(process: Process): Promise<Process> {
  running.push(process.sharer);
  await process.sharer.start();
  return process;
}
afterEach(async () => {
  for (const sharer of running.splice(0)) await sharer.stop();
});

/** A second of both: each gets answers of its own domain alone. */
async function second(one: Process, two: Process): Promise<void> {
  one.clock.ms += 1000;
  for (let i = 0; i < 6; i++) {
    one.answer(0);
    two.answer(1);
  }
  await one.sharer.share();
  await two.sharer.share();
  await new Promise(setImmediate);
  one.work();
  two.work();
}

describe("gateways that share a store", () => {
  test("go by the same groups, learned by one from samples of all; who leads next goes on from them", async () => {
    const clock = new HandClock();
    const store = new LocalStore(clock.now.bind(clock));
    const leaseMs = 3e8;
    const one = await started(new Process(store, "one", clock, true, leaseMs));
    const two = await started(new Process(store, "two", clock, true, leaseMs));
    expect([one.sharer.leading, two.sharer.leading]).toEqual([true, false]);
    for (let s = 0; s < 20; s++) await second(one, two);
    for (const process of [one, two]) {
      expect(process.holds(0, 0)).toBeGreaterThan(0.9);
      expect(process.holds(1, 1)).toBeGreaterThan(0.9);
    }
    // Four answers a second of each, though each had six.
    expect(one.locality.groups?.groups.requests).toBe(20 * 8);
    await one.sharer.stop();
    const known = two.locality.groups?.groups.requests ?? expect.fail();
    expect(known).toBe(20 * 8);
    const next = await started(new Process(store, "three", clock, true, leaseMs));
    expect(next.sharer.leading).toBe(true);
    expect(next.locality.groups).toEqual(two.locality.groups);
    next.answer(0);
    await next.sharer.share();
    await new Promise(setImmediate);
    next.work();
    expect(next.locality.groups?.groups.requests).toBe(known + 1);
  });

  test("forget groups of which they hear nothing for five minutes, and take the next", async () => {
    const clock = new HandClock();
    const store = new LocalStore(clock.now.bind(clock));
    const leaseMs = 3e8;
    const one = await started(new Process(store, "one", clock, true, leaseMs));
    const two = await started(new Process(store, "two", clock, true, leaseMs));
    for (let s = 0; s < 6; s++) await second(one, two);
    clock.ms += GROUPS_HOLD_MS;
    await two.sharer.share();
    expect(two.locality.groups).not.toBeNull();
    clock.ms += 3000;
    await two.sharer.share();
    expect(two.locality.groups).toBeNull();
    expect(two.locality.begin(requestFacts(Buffer.from("{}"), ORIGIN)).acts).toBe(true);
    // As a sign of life, though nothing is new.
    await one.sharer.share();
    expect(two.locality.groups).not.toBeNull();
  });

  test("take over what is of their pools, and nothing of another model", async () => {
    const clock = new HandClock();
    const store = new LocalStore(clock.now.bind(clock));
    const one = await started(new Process(store, "one", clock, false));
    for (let i = 0; i < 40; i++) one.answer(i % 2);
    const { pools, groups } = one.locality.groups ?? expect.fail();
    const two = new Process(store, "two", clock);
    expect(two.locality.takeGroups({ pools: ["b", "c"], groups })).toBe(true);
    // `b` was the first there; of `a` nothing is said.
    expect(two.holds(1, 0)).toBeGreaterThan(0.9);
    expect(two.holds(0, 0)).toBeCloseTo(0.5, 1);
    expect(two.locality.takeGroups({ pools: ["c", "d"], groups })).toBe(false);
    const narrow = { ...groups, all: groups.all.slice(1) };
    expect(two.locality.takeGroups({ pools, groups: narrow })).toBe(false);
    expect(two.holds(1, 0)).toBeGreaterThan(0.9);
  });
});

test("a gateway by itself learns from every answer, and its groups outlive it in the store", async () => {
  const clock = new HandClock();
  const store = new LocalStore(clock.now.bind(clock));
  const one = await started(new Process(store, "one", clock, false));
  for (let i = 0; i < 60; i++) one.answer(i % 2);
  await one.sharer.share();
  await one.sharer.stop();
  const next = new Process(store, "next", clock, false);
  expect(next.locality.groups).toBeNull();
  await started(next);
  await expect.poll(() => next.sharer.leading, patiently).toBe(true);
  expect(next.locality.groups?.groups.requests).toBe(60);
  expect(next.holds(0, 0)).toBeGreaterThan(0.9);
  // Its own answers count from now on.
  next.answer(0);
  expect(next.locality.groups?.groups.requests).toBe(61);
});
