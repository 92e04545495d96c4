import fc from "fast-check";
import { expect, it } from "vitest";
import type { AdmissionLimits, Limits } from "../../src/serving/admission/limits.ts";
import { TokenBucket } from "../../src/serving/admission/token-bucket.ts";
import { type Caller, Desk, limitsOf } from "../admission-desk.ts";
import { runs } from "../runs.ts";

const PARAMETERS = { seed: 51, numRuns: runs(120) };

/** The largest request is no larger than the least burst: none goes into debt. */
const limits: fc.Arbitrary<Limits> = fc.record({
  maxInFlight: fc.integer({ min: 0, max: 4 }),
  requestsPerSecond: fc.constantFrom(0, 0.5, 20),
  requestBurst: fc.integer({ min: 0, max: 3 }),
  tokensPerMinute: fc.constantFrom(0, 600, 6000),
  tokenBurst: fc.constantFrom(0, 100, 200),
});

const settings: fc.Arbitrary<AdmissionLimits> = fc
  .record({
    total: limits,
    tenant: limits,
    tenants: fc.record({ c: limits }),
    queue: fc.record({ maxWaiting: fc.integer({ min: 0, max: 6 }), maxWaitMs: fc.constantFrom(50, 5000) }),
  })
  .map((changes) => limitsOf(changes));

type Step =
  | { readonly kind: "apply"; readonly tenant: string; readonly priority: number; readonly tokens: number }
  | { readonly kind: "leave"; readonly who: number }
  | { readonly kind: "wait"; readonly ms: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant("apply" as const),
        tenant: fc.constantFrom("a", "b", "c"),
        priority: fc.integer({ min: -1, max: 1 }),
        tokens: fc.integer({ min: 0, max: 100 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("leave" as const), who: fc.nat() }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.constantFrom(0, 1, 10, 200, 3000) }),
    },
  ),
  { maxLength: 80 },
);

interface Entry {
  readonly atMs: number;
  readonly caller: Caller;
}

/** What is held of any span of time: the burst and what the rate brought. */
function expectWithin(entries: readonly Entry[], { requestsPerSecond, requestBurst, ...of }: Limits): void {
  for (const [i, from] of entries.entries()) {
    let tokens = 0;
    for (const [j, to] of entries.entries()) {
      if (j < i) continue;
      const seconds = (to.atMs - from.atMs) / 1000;
      tokens += to.caller.tokens;
      if (requestsPerSecond > 0) {
        const burst = requestBurst || Math.max(1, requestsPerSecond);
        expect(j - i + 1).toBeLessThanOrEqual(burst + seconds * requestsPerSecond + 1e-6);
      }
      if (of.tokensPerMinute > 0) {
        const burst = of.tokenBurst || of.tokensPerMinute;
        expect(tokens).toBeLessThanOrEqual(burst + (seconds * of.tokensPerMinute) / 60 + 1e-6);
      }
    }
  }
}

/** Drives a desk through the steps, and holds what must hold after each. */
class Watch {
  readonly desk: Desk;
  readonly #limits: AdmissionLimits;
  readonly #callers: Caller[] = [];
  readonly #left = new Set<Caller>();
  readonly #begun: Entry[] = [];
  readonly #letIn: Entry[] = [];
  #heard = 0;

  constructor(settled: AdmissionLimits) {
    this.#limits = settled;
    this.desk = new Desk(settled);
  }

  take(step: Step): void {
    const { desk } = this;
    const waitingBefore = this.#waiting();
    if (step.kind === "apply") {
      const caller = desk.apply(step);
      this.#callers.push(caller);
      waitingBefore.push(caller);
      if (caller.state === "granted" || caller.state === "waiting")
        this.#letIn.push({ atMs: desk.clock.ms, caller });
    } else if (step.kind === "leave") {
      const present = this.#callers.filter((caller) => !this.#left.has(caller));
      const caller = present.at(step.who % Math.max(1, present.length));
      if (caller === undefined) return;
      this.#left.add(caller);
      caller.ticket?.leave(true);
    } else desk.after(step.ms);
    this.#expectOrder(waitingBefore);
    this.#expectLimits();
  }

  leaveAll(): void {
    for (const caller of this.#callers) caller.ticket?.leave(true);
    for (const caller of this.#callers) caller.ticket?.leave(true);
    const { admission } = this.desk;
    expect([admission.inFlight, admission.queued]).toEqual([0, 0]);
    for (const { inside } of admission.usage().tenants) expect(inside).toBe(0);
    expect(admission.usage().tenants).toEqual([]);
  }

  expectRates(): void {
    expectWithin(this.#begun, this.#limits.total);
    for (const tenant of ["a", "b", "c"]) {
      const own = tenant === "c" ? this.#limits.tenants["c"] : this.#limits.tenant;
      expectWithin(
        this.#letIn.filter(({ caller }) => caller.tenant === tenant),
        own,
      );
    }
  }

  #waiting(): Caller[] {
    return this.#callers.filter((caller) => caller.state === "waiting" && !this.#left.has(caller));
  }

  /** Whoever was let in had nobody more important waiting, and came before those of its own tenant and priority. */
  #expectOrder(candidates: readonly Caller[]): void {
    const granted = this.desk.heard.slice(this.#heard).filter(({ state }) => state === "granted");
    this.#heard = this.desk.heard.length;
    const waiting = new Set(this.#waiting());
    for (const [i, caller] of granted.entries()) {
      this.#begun.push({ atMs: this.desk.clock.ms, caller });
      for (const other of [...granted.slice(i + 1), ...waiting]) {
        expect(other.priority).toBeLessThanOrEqual(caller.priority);
        if (other.priority === caller.priority && other.tenant === caller.tenant)
          expect(candidates.indexOf(other)).toBeGreaterThan(candidates.indexOf(caller));
      }
    }
  }

  #expectLimits(): void {
    const { total, tenant, tenants, queue } = this.#limits;
    const present = this.#callers.filter((caller) => !this.#left.has(caller));
    const inside = present.filter(({ state }) => state === "granted");
    const waiting = this.#waiting();
    for (const caller of this.#callers) expect(caller.state).not.toBe("heard twice");
    expect([this.desk.admission.inFlight, this.desk.admission.queued]).toEqual([
      inside.length,
      waiting.length,
    ]);
    expect(waiting.length).toBeLessThanOrEqual(queue.maxWaiting);
    if (total.maxInFlight > 0) expect(inside.length).toBeLessThanOrEqual(total.maxInFlight);
    for (const name of ["a", "b", "c"]) {
      const { maxInFlight } = name === "c" ? tenants["c"] : tenant;
      const own = [...inside, ...waiting].filter((caller) => caller.tenant === name);
      if (maxInFlight > 0) expect(own.length).toBeLessThanOrEqual(maxInFlight);
    }
  }
}

it("exceeds no limit, loses nobody, and lets in by priority and arrival", () => {
  fc.assert(
    fc.property(settings, steps, (settled, list) => {
      const watch = new Watch(settled);
      for (const step of list) watch.take(step);
      watch.expectRates();
      watch.leaveAll();
    }),
    PARAMETERS,
  );
});

it("lets everyone hear once the longest wait is over", () => {
  fc.assert(
    fc.property(settings, steps, (settled, list) => {
      const watch = new Watch(settled);
      for (const step of list) watch.take(step);
      watch.take({ kind: "wait", ms: settled.queue.maxWaitMs });
      expect(watch.desk.admission.queued).toBe(0);
    }),
    PARAMETERS,
  );
});

it("keeps the limits over processes that tell each other of every step", () => {
  const step = fc.record({
    desk: fc.nat({ max: 2 }),
    leave: fc.boolean(),
    tenant: fc.constantFrom("a", "b"),
    who: fc.nat(),
  });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 3 }),
      fc.array(step, { maxLength: 60 }),
      (most, mostOfTenant, list) => {
        const { total } = limitsOf({});
        const desks = [0, 1, 2].map(
          () =>
            new Desk({
              total: { ...total, maxInFlight: most },
              tenant: { ...total, maxInFlight: mostOfTenant },
            }),
        );
        const present: Caller[] = [];
        for (const { desk, leave, tenant, who } of list) {
          const gone = leave ? present.splice(who % Math.max(1, present.length), 1) : [];
          for (const caller of gone) caller.ticket?.leave(true);
          if (!leave) present.push(desks[desk].apply({ tenant }));
          share(desks);
          const inside = present.filter(({ state }) => state === "granted");
          expect(inside.length).toBeLessThanOrEqual(most);
          for (const name of ["a", "b"])
            expect(inside.filter((caller) => caller.tenant === name).length).toBeLessThanOrEqual(
              mostOfTenant,
            );
        }
        for (const caller of present) caller.ticket?.leave(true);
        share(desks);
        expect(desks.map(({ admission }) => admission.inFlight)).toEqual([0, 0, 0]);
      },
    ),
    PARAMETERS,
  );
});

/** One after the other, so that a free place is taken once. */
function share(desks: readonly Desk[]): void {
  for (const { admission } of desks) {
    const others = desks.filter((desk) => desk.admission !== admission);
    const sum = (count: (desk: Desk) => number) => others.reduce((total, desk) => total + count(desk), 0);
    const tenants = ["a", "b"].map((tenant) => {
      return { tenant, inside: sum((desk) => insideOf(desk, tenant)), requests: 0, tokens: 0 };
    });
    admission.others({ inFlight: sum((desk) => desk.admission.inFlight), requests: 0, tokens: 0, tenants });
  }
}

function insideOf(desk: Desk, tenant: string): number {
  return desk.admission.usage().tenants.find((usage) => usage.tenant === tenant)?.inside ?? 0;
}

it("never holds more than its burst, and says how long to wait", () => {
  const take = fc.record({ ms: fc.nat({ max: 5000 }), amount: fc.nat({ max: 20 }) });
  const bursts = fc.integer({ min: 1, max: 10 });
  fc.assert(
    fc.property(fc.constantFrom(0.1, 3, 500), bursts, fc.array(take), (rate, burst, list) => {
      const bucket = new TokenBucket(rate, burst, 0);
      let now = 0;
      for (const { ms, amount } of list) {
        now += ms;
        expect(bucket.level(now)).toBeLessThanOrEqual(burst);
        const wait = bucket.waitMs(amount, now);
        if (wait > 1) expect(bucket.waitMs(amount, now + wait / 2)).toBeGreaterThan(0);
        now += wait;
        expect(bucket.waitMs(amount, now)).toBeLessThan(1e-3);
        bucket.take(amount, now);
      }
    }),
    PARAMETERS,
  );
});
