import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Leadership } from "../../src/control/lead/leadership.ts";
import { StoreUnreachable } from "../../src/control/store.ts";
import { LocalStore } from "../../src/store/local/local-store.ts";
import { HandClock } from "../hand-clock.ts";

const LEASE_MS = 900;

let clock: HandClock;
let store: ReturnType<LocalStore["pool"]>;
let faults: Error[];
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  clock = new HandClock();
  store = new LocalStore(() => clock.ms).pool("p");
  faults = [];
});
afterEach(() => {
  vi.useRealTimers();
});

async function pass(ms: number): Promise<void> {
  for (let i = 0; i < ms; i += 10) {
    clock.ms += 10;
    await vi.advanceTimersByTimeAsync(10);
  }
}

function leadership(options: Partial<ConstructorParameters<typeof Leadership>[0]> = {}): Leadership {
  return new Leadership({
    store,
    holder: "one",
    leaseMs: LEASE_MS,
    clock,
    onGained: async () => {},
    onLost: async () => {},
    onFault: (fault) => faults.push(fault),
    ...options,
  });
}

describe("a lease", () => {
  test("counts from before it was asked for: an answer that comes after its end gives nothing", async () => {
    const answer = Promise.withResolvers<number | null>();
    const one = leadership({
      store: { lease: () => answer.promise, release: async () => {} },
    });
    const started = one.start();
    await pass(LEASE_MS);
    answer.resolve(1);
    await started;
    expect(one.token).toBeNull();
    await one.stop();
  });

  test("is over by the holder's own clock before it is by the store's, and whatever has not come to be known", async () => {
    const one = leadership();
    await one.start();
    expect(one.token).toBe(1);
    // The process stands still: no timer, no answer.
    clock.ms += 0.95 * LEASE_MS;
    expect(one.token).toBeNull();
    expect(await store.lease("two", LEASE_MS)).toBeNull();
    await one.stop();
  });

  test("that cannot be renewed ends the term once it has run out", async () => {
    let reachable = true;
    const lost = vi.fn<() => Promise<void>>(async () => {});
    const one = leadership({
      onLost: lost,
      store: {
        lease: async (holder, ms) => {
          if (!reachable) throw new StoreUnreachable("no answer");
          return store.lease(holder, ms);
        },
        release: (token) => store.release(token),
      },
    });
    await one.start();
    reachable = false;
    await pass(LEASE_MS / 2);
    expect(lost).not.toHaveBeenCalled();
    await pass(LEASE_MS);
    expect(lost).toHaveBeenCalledOnce();
    reachable = true;
    await pass(LEASE_MS);
    expect(one.token).toBe(2);
    expect(faults).toEqual([]);
    await one.stop();
  });
});

test("who holds the lease is said as long as the store has said it lately", async () => {
  let reachable = true;
  const way = {
    lease: async (holder: string, ms: number) => {
      if (!reachable) throw new StoreUnreachable("no answer");
      return store.lease(holder, ms);
    },
    release: (token: number) => store.release(token),
  };
  const [one, two] = ["one", "two"].map((holder) => leadership({ holder, store: way }));
  expect(one.heldBy).toBeNull();
  await one.start();
  await two.start();
  await pass(LEASE_MS);
  expect([one.heldBy, two.heldBy]).toEqual(["this", "another"]);
  reachable = false;
  await pass(LEASE_MS);
  expect(one.heldBy).toBeNull();
  await pass(LEASE_MS);
  expect(two.heldBy).toBeNull();
  reachable = true;
  await pass(LEASE_MS);
  expect(new Set([one.heldBy, two.heldBy])).toEqual(new Set(["this", "another"]));
  await one.stop();
  await two.stop();
});

describe("a term that takes long", () => {
  test("to begin keeps its lease meanwhile", async () => {
    const begun = Promise.withResolvers<void>();
    const one = leadership({ onGained: () => begun.promise });
    const started = one.start();
    await pass(5 * LEASE_MS);
    expect(await store.lease("two", LEASE_MS)).toBeNull();
    begun.resolve();
    await started;
    expect(one.token).toBe(1);
    await one.stop();
    expect(await store.lease("two", LEASE_MS)).toBe(2);
  });

  test("to begin lets others try in the end, and is over when it has begun", async () => {
    const begun = Promise.withResolvers<void>();
    const lost = vi.fn<() => Promise<void>>(async () => {});
    const one = leadership({ onGained: () => begun.promise, onLost: lost });
    const started = one.start();
    await pass(12 * LEASE_MS);
    expect(await store.lease("two", LEASE_MS)).toBe(2);
    expect(one.token).toBeNull();
    begun.resolve();
    await started;
    await pass(LEASE_MS / 2);
    expect(one.token).toBeNull();
    expect(lost).toHaveBeenCalledOnce();
    await one.stop();
  });

  test("to end delays the next, not its lease", async () => {
    const ended = Promise.withResolvers<void>();
    const gained = vi.fn<() => Promise<void>>(async () => {});
    const one = leadership({ onGained: gained, onLost: () => ended.promise });
    await one.start();
    void one.startOver();
    await pass(3 * LEASE_MS);
    expect(gained).toHaveBeenCalledOnce();
    expect(one.token).toBeNull();
    expect(await store.lease("two", LEASE_MS)).toBeNull();
    ended.resolve();
    await pass(0);
    await vi.advanceTimersByTimeAsync(0);
    expect(gained).toHaveBeenCalledTimes(2);
    expect(one.token).toBe(1);
    await one.stop();
  });

  test("and fails begins anew with the next try", async () => {
    let failures = 2;
    const one = leadership({
      onGained: async () => {
        if (failures-- > 0) throw new Error("the planner is lost");
      },
    });
    await one.start();
    expect(one.token).toBeNull();
    await pass(LEASE_MS);
    expect(one.token).toBe(1);
    expect(faults.map(({ message }) => message)).toEqual(["the planner is lost", "the planner is lost"]);
    await one.stop();
  });
});
