import { describe, expect, it } from "vitest";
import { Admission } from "../../src/serving/admission/admission.ts";
import { BegunTotals } from "../../src/serving/sharing/begun-since.ts";
import { Caller, Desk, limitsOf, NO_LIMITS } from "../admission-desk.ts";
import { patiently } from "../patiently.ts";

const onePlace = { total: { ...NO_LIMITS, maxInFlight: 1 } };

describe("places", () => {
  it("grants within the call while there is room", () => {
    const desk = new Desk({ total: { ...NO_LIMITS, maxInFlight: 2 } });
    expect([desk.apply(), desk.apply(), desk.apply()].map(({ state }) => state)).toEqual([
      "granted",
      "granted",
      "waiting",
    ]);
    expect([desk.admission.inFlight, desk.admission.queued]).toEqual([2, 1]);
  });

  it("gives a free place to the next, and says how long it waited", () => {
    const desk = new Desk(onePlace);
    const inside = desk.apply();
    const next = desk.apply();
    desk.clock.ms = 300;
    inside.places[0].leave(true);
    inside.ticket?.leave(true);
    expect(next.state).toBe("granted");
    expect(next.places[0].waitedMs).toBe(300);
    expect(desk.admission.inFlight).toBe(1);
  });

  it("forgets one that leaves while it waits", () => {
    const desk = new Desk(onePlace);
    const inside = desk.apply();
    const gone = desk.apply();
    const next = desk.apply();
    gone.ticket?.leave(true);
    inside.ticket?.leave(true);
    expect([gone.state, next.state]).toEqual(["waiting", "granted"]);
  });

  it("passes the place on when it is left within the grant", () => {
    const desk = new Desk({ ...onePlace, queue: { maxWaiting: 5000, maxWaitMs: 1000 } });
    const inside = desk.apply();
    const left: Caller[] = [];
    for (let i = 0; i < 5000; i++) {
      const caller = new Caller({}, (one) => {
        left.push(one);
        one.places[0].leave(true);
      });
      desk.admission.apply(caller);
    }
    inside.ticket?.leave(true);
    expect(left).toHaveLength(5000);
    expect([desk.admission.inFlight, desk.admission.queued]).toEqual([0, 0]);
  });

  it("makes requests wait for the rates over all tenants", () => {
    const desk = new Desk({ total: { ...NO_LIMITS, requestsPerSecond: 10, requestBurst: 1 } });
    const callers = [desk.apply(), desk.apply(), desk.apply()];
    desk.after(100);
    expect(callers.map(({ state }) => state)).toEqual(["granted", "granted", "waiting"]);
  });
});

describe("order", () => {
  it("is by priority, then by arrival", () => {
    const desk = new Desk({ ...onePlace, queue: { maxWaiting: 10, maxWaitMs: 1e6 } });
    const inside = desk.apply();
    const callers = [0, 1, 0, 2, 1].map((priority) => {
      desk.clock.ms++;
      return desk.apply({ priority });
    });
    inside.ticket?.leave(true);
    for (let served = 0; served < 5; served++) desk.heard.at(-1)?.ticket?.leave(true);
    expect(desk.heard.slice(1)).toEqual([callers[3], callers[1], callers[4], callers[0], callers[2]]);
  });

  it("gives tenants of one priority the same tokens, however many of their requests wait", () => {
    const desk = new Desk({ ...onePlace, queue: { maxWaiting: 1000, maxWaitMs: 1e6 } });
    const inside = desk.apply({ tenant: "first" });
    for (let i = 0; i < 300; i++) desk.apply({ tenant: "flood", tokens: 10 });
    for (let i = 0; i < 30; i++) desk.apply({ tenant: "small", tokens: 30 });
    inside.ticket?.leave(true);
    for (let served = 1; served < 80; served++) desk.heard.at(-1)?.ticket?.leave(true);
    const tokens = (tenant: string) =>
      desk.heard.reduce((sum, caller) => sum + (caller.tenant === tenant ? caller.tokens : 0), 0);
    expect(Math.abs(tokens("flood") - tokens("small"))).toBeLessThanOrEqual(30);
  });

  it("does not hold against a tenant what it was served while nobody else waited", () => {
    const desk = new Desk(onePlace);
    desk.apply({ tenant: "x" });
    desk.apply({ tenant: "early", tokens: 1e6 });
    for (let i = 0; i < 2; i++) desk.heard.at(-1)?.ticket?.leave(true);
    desk.apply({ tenant: "x" });
    const [early] = [desk.apply({ tenant: "early" }), desk.apply({ tenant: "late" })];
    desk.heard.at(-1)?.ticket?.leave(true);
    expect(early.state).toBe("granted");
  });
});

describe("a full queue", () => {
  it("refuses a newcomer that is no more important", () => {
    const desk = new Desk({ ...onePlace, queue: { maxWaiting: 1, maxWaitMs: 1000 } });
    expect([desk.apply(), desk.apply(), desk.apply()].map(({ state }) => state)).toEqual([
      "granted",
      "waiting",
      "queue_full",
    ]);
  });

  it("gives the place of the least important and newest to a more important one", () => {
    const desk = new Desk({ ...onePlace, queue: { maxWaiting: 3, maxWaitMs: 1000 } });
    desk.apply();
    const waiting = [0, 0, 1].map((priority) => desk.apply({ priority }));
    const newcomer = desk.apply({ priority: 1 });
    expect([...waiting, newcomer].map(({ state }) => state)).toEqual([
      "waiting",
      "overloaded",
      "waiting",
      "waiting",
    ]);
  });

  it("gives the place of a flooding tenant's newest to a tenant that has fewer waiting", () => {
    const desk = new Desk({ ...onePlace, queue: { maxWaiting: 4, maxWaitMs: 1000 } });
    desk.apply();
    const flood = [0, 1, 2, 3].map(() => desk.apply({ tenant: "flood" }));
    const others = [0, 1, 2].map(() => desk.apply({ tenant: "other" }));
    expect(flood.map(({ state }) => state)).toEqual(["waiting", "waiting", "overloaded", "overloaded"]);
    expect(others.map(({ state }) => state)).toEqual(["waiting", "waiting", "queue_full"]);
  });

  it("is no queue at a length of 0", () => {
    const desk = new Desk({ ...onePlace, queue: { maxWaiting: 0, maxWaitMs: 1000 } });
    expect([desk.apply().state, desk.apply().state]).toEqual(["granted", "queue_full"]);
  });
});

describe("time", () => {
  it("refuses one that waited too long", () => {
    const desk = new Desk(onePlace);
    desk.apply();
    const early = desk.apply();
    desk.after(600);
    const late = desk.apply();
    desk.after(400);
    expect([early.state, late.state]).toEqual(["queue_timeout", "waiting"]);
  });

  it("is over when the alarm for it goes off, however the sum of times is rounded", () => {
    const arrivedMs = 2 * 17.3;
    expect(arrivedMs + 1000 - arrivedMs).toBeLessThan(1000);
    const desk = new Desk(onePlace);
    desk.clock.ms = arrivedMs;
    desk.apply();
    const waiting = desk.apply();
    desk.clock.ms = arrivedMs + 1000;
    desk.admission.tick();
    expect(waiting.state).toBe("queue_timeout");
  });

  it("is kept by an alarm of its own", async () => {
    const clock = { now: () => performance.now() };
    const admission = new Admission(
      limitsOf({ ...onePlace, queue: { maxWaiting: 1, maxWaitMs: 20 } }),
      clock,
    );
    admission.apply(new Caller({}));
    const waiting = new Caller({});
    admission.apply(waiting);
    await expect.poll(() => waiting.state, patiently).toBe("queue_timeout");
  });

  it("lets in by an alarm of its own what the rates allow", async () => {
    const clock = { now: () => performance.now() };
    const total = { ...NO_LIMITS, requestsPerSecond: 50, requestBurst: 1 };
    const admission = new Admission(limitsOf({ total, queue: { maxWaiting: 3, maxWaitMs: 20_000 } }), clock);
    const callers = [new Caller({}), new Caller({}), new Caller({})];
    for (const caller of callers) admission.apply(caller);
    expect(callers[2].state).toBe("waiting");
    await expect.poll(() => callers[2].state, patiently).toBe("granted");
  });
});

describe("tenants", () => {
  it("are refused beyond their own limits, those named by theirs", () => {
    const desk = new Desk({
      tenant: { ...NO_LIMITS, maxInFlight: 1 },
      tenants: { large: { ...NO_LIMITS, maxInFlight: 2 } },
    });
    expect(["a", "a", "b", "large", "large", "large"].map((tenant) => desk.apply({ tenant }).state)).toEqual([
      "granted",
      "tenant_limit",
      "granted",
      "granted",
      "granted",
      "tenant_limit",
    ]);
  });

  it("may be called as nothing else may", () => {
    const desk = new Desk({ tenant: { ...NO_LIMITS, maxInFlight: 1 } });
    for (const tenant of ["__proto__", "constructor", "toString", ""]) {
      expect([desk.apply({ tenant }).state, desk.apply({ tenant }).state]).toEqual([
        "granted",
        "tenant_limit",
      ]);
    }
  });

  it("count with what waits", () => {
    const desk = new Desk({ ...onePlace, tenant: { ...NO_LIMITS, maxInFlight: 2 } });
    expect([desk.apply(), desk.apply(), desk.apply()].map(({ state }) => state)).toEqual([
      "granted",
      "waiting",
      "tenant_limit",
    ]);
  });

  it("hear when their rate allows the next", () => {
    const desk = new Desk({ tenant: { ...NO_LIMITS, requestsPerSecond: 0.1, requestBurst: 2 } });
    desk.apply();
    desk.apply();
    desk.clock.ms = 3000;
    const refused = desk.apply();
    expect(refused.refusals[0]).toMatchObject({ reason: "rate_limited", retryAfterSeconds: 7 });
    desk.clock.ms = 10_000;
    expect(desk.apply().state).toBe("granted");
  });

  it("pay for tokens", () => {
    const desk = new Desk({ tenant: { ...NO_LIMITS, tokensPerMinute: 600 } });
    expect(desk.apply({ tokens: 550 }).state).toBe("granted");
    expect(desk.apply({ tokens: 100 }).refusals[0]).toMatchObject({
      reason: "rate_limited",
      retryAfterSeconds: 5,
    });
    desk.clock.ms = 5000;
    expect(desk.apply({ tokens: 100 }).state).toBe("granted");
  });

  it("are forgotten when idle, so that invented ones take a bounded room", () => {
    const desk = new Desk({ tenant: { ...NO_LIMITS, maxInFlight: 1 } });
    const busy = desk.apply({ tenant: "busy" });
    for (let i = 0; i < 25_000; i++) desk.apply({ tenant: `invented ${i}` }).ticket?.leave(true);
    expect(desk.admission.tenants).toBeLessThanOrEqual(10_001);
    expect(desk.apply({ tenant: "busy" }).state).toBe("tenant_limit");
    busy.ticket?.leave(true);
    expect(desk.apply({ tenant: "busy" }).state).toBe("granted");
    expect(desk.admission.usage().tenants.length).toBeLessThanOrEqual(10_001);
  });
});

describe("Retry-After", () => {
  it("follows how long requests take and how many wait", () => {
    const desk = new Desk({
      total: { ...NO_LIMITS, maxInFlight: 2 },
      queue: { maxWaiting: 3, maxWaitMs: 1e6 },
    });
    const first = [desk.apply(), desk.apply()];
    desk.clock.ms = 4000;
    for (const caller of first) caller.ticket?.leave(true);
    for (let i = 0; i < 5; i++) desk.apply();
    // Two in flight of 4 s each: one leaves every 2 s; three wait before it.
    expect(desk.apply().refusals[0].retryAfterSeconds).toBe(8);
  });

  it("is no less than configured", () => {
    const desk = new Desk({ ...onePlace, queue: { maxWaiting: 0, maxWaitMs: 1 }, retryAfterSeconds: 3 });
    desk.apply();
    expect(desk.apply().refusals[0].retryAfterSeconds).toBe(3);
  });
});

it("refuses all who wait or come once it stops, and lets those inside finish", () => {
  const desk = new Desk(onePlace);
  const inside = desk.apply();
  const waiting = desk.apply();
  desk.admission.stop();
  expect([waiting.state, desk.apply().state, desk.admission.inFlight]).toEqual(["stopping", "stopping", 1]);
  inside.ticket?.leave(true);
  expect(desk.admission.inFlight).toBe(0);
});

describe("other limits", () => {
  it("let more in at once", () => {
    const desk = new Desk(onePlace);
    const callers = [desk.apply(), desk.apply(), desk.apply()];
    desk.admission.update(limitsOf({ total: { ...NO_LIMITS, maxInFlight: 2 } }));
    expect(callers.map(({ state }) => state)).toEqual(["granted", "granted", "waiting"]);
  });

  it("refuse those beyond a shorter queue, and hold for tenants that are known", () => {
    const desk = new Desk(onePlace);
    const callers = [desk.apply(), desk.apply(), desk.apply()];
    desk.admission.update(
      limitsOf({
        ...onePlace,
        tenant: { ...NO_LIMITS, maxInFlight: 2 },
        queue: { maxWaiting: 1, maxWaitMs: 1000 },
      }),
    );
    expect(callers.map(({ state }) => state)).toEqual(["granted", "waiting", "overloaded"]);
    expect(desk.apply().state).toBe("tenant_limit");
  });
});

describe("several processes", () => {
  it("count what the others have inside", () => {
    const desk = new Desk({
      total: { ...NO_LIMITS, maxInFlight: 3 },
      tenant: { ...NO_LIMITS, maxInFlight: 2 },
    });
    const tenants = [{ tenant: "a", inside: 2, requests: 2, tokens: 2 }];
    desk.admission.others({ inFlight: 2, requests: 2, tokens: 2, tenants });
    expect([desk.apply().state, desk.apply({ tenant: "b" }).state]).toEqual(["tenant_limit", "granted"]);
    const waiting = desk.apply({ tenant: "b" });
    expect(waiting.state).toBe("waiting");
    desk.admission.others({ inFlight: 1, requests: 0, tokens: 0, tenants: [] });
    expect(waiting.state).toBe("granted");
  });

  it("are named with the busiest tenants first, here and elsewhere, and none that has nothing inside", () => {
    const desk = new Desk({ tenants: { a: { ...NO_LIMITS, maxInFlight: 9 } } });
    for (const tenant of ["b", "b", "c"]) desk.apply({ tenant });
    desk.admission.others({
      inFlight: 3,
      requests: 3,
      tokens: 3,
      tenants: [
        { tenant: "a", inside: 3, requests: 3, tokens: 3 },
        { tenant: "d", inside: 0, requests: 1, tokens: 1 },
      ],
    });
    expect(desk.admission.busiestTenants(9)).toEqual([
      { tenant: "a", inside: 0, remoteInside: 3, limit: 9 },
      { tenant: "b", inside: 2, remoteInside: 0, limit: 0 },
      { tenant: "c", inside: 1, remoteInside: 0, limit: 0 },
    ]);
    expect(desk.admission.busiestTenants(1)).toHaveLength(1);
  });

  it("drain each other's buckets", () => {
    const rates = { ...NO_LIMITS, requestsPerSecond: 1, requestBurst: 2 };
    const desk = new Desk({ total: { ...rates, requestBurst: 4 }, tenant: rates });
    const tenants = [{ tenant: "a", inside: 0, requests: 2, tokens: 2 }];
    desk.admission.others({ inFlight: 0, requests: 3, tokens: 3, tenants });
    expect(["a", "b", "b"].map((tenant) => desk.apply({ tenant }).state)).toEqual([
      "rate_limited",
      "granted",
      "waiting",
    ]);
  });

  it("tell what they have inside, and once what they let in", () => {
    const desk = new Desk({ ...onePlace, tenant: { ...NO_LIMITS, maxInFlight: 9 } });
    const inside = desk.apply({ tokens: 5 });
    desk.apply({ tenant: "b", tokens: 7 });
    expect(desk.admission.usage()).toEqual({
      inFlight: 1,
      requests: 1,
      tokens: 5,
      tenants: [
        { tenant: "a", inside: 1, requests: 1, tokens: 5 },
        { tenant: "b", inside: 1, requests: 1, tokens: 7 },
      ],
    });
    inside.ticket?.leave(true);
    expect(desk.admission.usage().tenants).toEqual([
      { tenant: "a", inside: 0, requests: 0, tokens: 0 },
      { tenant: "b", inside: 1, requests: 0, tokens: 0 },
    ]);
    expect(desk.admission.usage().tenants.map(({ tenant }) => tenant)).toEqual(["b"]);
  });

  it("tell of no tenant that nothing limits", () => {
    const limits = { tenants: { named: { ...NO_LIMITS, maxInFlight: 9 } } };
    const desk = new Desk(limits);
    for (const tenant of ["a", "named", "b"]) desk.apply({ tenant });
    expect(desk.admission.usage().tenants.map(({ tenant }) => tenant)).toEqual(["named"]);
  });
});

describe("tokens", () => {
  const total = { ...NO_LIMITS, tokensPerMinute: 600, tokenBurst: 100 };

  it("of one request, however many, keep others waiting no longer than until they have their own", () => {
    const desk = new Desk({ total, queue: { maxWaiting: 10, maxWaitMs: 60_000 } });
    desk.apply({ tokens: 1e308 });
    const next = desk.apply({ tenant: "b", tokens: 10 });
    expect(next.state).toBe("waiting");
    desk.after(1000);
    expect(next.state).toBe("granted");
  });

  it("are told to other processes as they were counted", () => {
    const desk = new Desk({ total });
    desk.apply({ tokens: 1e308 });
    expect(desk.admission.usage().tokens).toBe(100);
  });

  it.each(["total", "tenant"])(
    "of %s are given back when no engine did anything for the request",
    (whose) => {
      const desk = new Desk({ [whose]: total });
      desk.apply({ tokens: 100 }).ticket?.leave(false);
      expect(desk.admission.usage()).toMatchObject({ tokens: 0 });
      expect(desk.apply({ tokens: 100 }).state).toBe("granted");
      const used = new Desk({ [whose]: total });
      used.apply({ tokens: 100 }).ticket?.leave(true);
      expect(used.apply({ tokens: 100 }).state).not.toBe("granted");
    },
  );

  it("are given back once, and never more than were taken", () => {
    const desk = new Desk({ total });
    const first = desk.apply({ tokens: 1e308 });
    for (let i = 0; i < 3; i++) first.ticket?.leave(false);
    expect([desk.apply({ tokens: 100 }).state, desk.apply({ tokens: 1 }).state]).toEqual([
      "granted",
      "waiting",
    ]);
  });

  it("are given back, requests are not: a client whose requests are all refused keeps to its rate", () => {
    const desk = new Desk({ tenant: { ...NO_LIMITS, requestsPerSecond: 1, requestBurst: 2 } });
    const states = [1, 2, 3].map(() => {
      const caller = desk.apply();
      caller.ticket?.leave(false);
      return caller.state;
    });
    expect(states).toEqual(["granted", "granted", "rate_limited"]);
  });
});

describe("no end of tenants", () => {
  it("take no more memory than the latest of them, and no more messages than the busiest", () => {
    const desk = new Desk({ tenant: { ...NO_LIMITS, maxInFlight: 1 } });
    const totals = new BegunTotals();
    let told = 0;
    const caller = { priority: 0, tokens: 1, granted() {}, refused() {} };
    for (let i = 0; i < 100_000; i++) {
      desk.admission.apply({ ...caller, tenant: `tenant-${i}` }).leave(true);
      if (i % 5_000 > 0) continue;
      const usage = desk.admission.usage();
      totals.add(usage);
      told = Math.max(told, usage.tenants.length, totals.totals().tenants.length);
    }
    expect(desk.admission.tenants).toBeLessThanOrEqual(10_000);
    expect(told).toBe(1024);
  });

  it("that wait are each at their turn", () => {
    const desk = new Desk({ ...onePlace, queue: { maxWaiting: 2000, maxWaitMs: 1e6 } });
    const inside = desk.apply();
    const callers = Array.from({ length: 2000 }, (_, i) => {
      desk.clock.ms++;
      return desk.apply({ tenant: `tenant-${i}` });
    });
    for (const [i, caller] of callers.entries()) if (i % 3 === 0) caller.ticket?.leave(true);
    inside.ticket?.leave(true);
    for (const caller of callers) if (caller.state === "granted") caller.ticket?.leave(true);
    expect(desk.heard.slice(1)).toEqual(callers.filter((_, i) => i % 3 > 0));
  });
});
