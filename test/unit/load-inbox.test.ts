import fc from "fast-check";
import { beforeEach, expect, test } from "vitest";
import type { LoadReport } from "../../src/control/ingest/load-report.ts";
import { type LoadMessage, decodeMessage } from "../../src/control/messages/pool-message.ts";
import { LoadInbox } from "../../src/control/ingest/load-inbox.ts";
import { LocalStore } from "../../src/store/local/local-store.ts";
import { PartitionedStore } from "../../harness/fakes/partitioned-store.ts";

const shape = { layers: 2, experts: 2, gpus: 4 };

let shared: LocalStore;
let received: LoadMessage[];
beforeEach(async () => {
  shared = new LocalStore();
  received = [];
  const pool = shared.pool("p");
  const token = (await pool.lease("leader", 60_000)) ?? 0;
  pool.receive(token, async (messages) => {
    received.push(...messages.map((bytes) => decodeMessage(bytes, shape) as LoadMessage));
    return messages.length;
  });
});

function open(gateway: string): { inbox: LoadInbox; store: PartitionedStore } {
  const store = new PartitionedStore(shared);
  return {
    inbox: new LoadInbox({ store: store.pool("p"), gateway, shape, slotsPerGpu: 1, topk: 1, sentRows: null }),
    store,
  };
}

function report(rank: number | null, window: number | null, ...counts: number[]): LoadReport {
  return {
    rank,
    window,
    incarnation: null,
    windowMs: 100,
    counted: "source",
    counts: Float64Array.from(counts),
    engine: null,
  };
}

async function sent(): Promise<LoadMessage[]> {
  await new Promise((resolve) => setTimeout(resolve));
  return received.splice(0);
}

test("sums what ranks report, and sends it once, with the ranks that reported", async () => {
  const { inbox } = open("one");
  expect(inbox.take(report(0, 1, 1, 2, 3, 0))).toBe("taken");
  expect(inbox.take(report(0, 2, 1, 0, 0, 1))).toBe("taken");
  expect(inbox.take(report(3, 1, 0, 5, 4, 1))).toBe("taken");
  await inbox.flush();
  expect(await sent()).toEqual([
    {
      kind: "load",
      from: "one",
      sampled: false,
      reported: [
        { rank: 0, windowMs: 100, incarnation: null, counted: "source" },
        { rank: 3, windowMs: 100, incarnation: null, counted: "source" },
      ],
      spanMs: 200,
      tokens: Float32Array.of(2, 7, 7, 2),
      received: [],
      engines: [],
      sent: [],
    },
  ]);
  await inbox.flush();
  expect(await sent()).toEqual([]);
});

test("what ranks have received is sent by rank, without what nobody received; what they routed is summed beside it", async () => {
  const { inbox } = open("one");
  const own = { ...report(0, 1, 0, 7, 0, 90), counted: "received" } as const;
  expect(inbox.take(own)).toBe("taken");
  expect(inbox.take(own)).toBe("duplicate");
  inbox.take({ ...report(0, 2, 0, 0, 0, 0), counted: "received" });
  inbox.take(report(3, 1, 0, 5, 4, 1));
  await inbox.flush();
  const sign = { windowMs: 100, incarnation: null };
  expect(await sent()).toMatchObject([
    {
      reported: [
        { rank: 0, counted: "received", ...sign },
        { rank: 3, counted: "source", ...sign },
      ],
      spanMs: 100,
      tokens: Float32Array.of(0, 5, 4, 1),
      received: [
        { rank: 0, windowMs: 100, cells: Uint32Array.of(1, 3), tokens: Float32Array.of(7, 90) },
        { rank: 0, windowMs: 100, cells: new Uint32Array(), tokens: new Float32Array() },
      ],
    },
  ]);
});

test("what was received, is claimed and cannot be sent is bounded too, the oldest is dropped and counted", async () => {
  const pool = shared.pool("p");
  let full = true;
  const store = {
    claim: pool.claim.bind(pool),
    send: (message: Uint8Array) => (full ? Promise.reject(new Error("full")) : pool.send(message, null)),
  };
  const inbox = new LoadInbox({ store, gateway: "one", shape, slotsPerGpu: 1, topk: 1, sentRows: null });
  for (let window = 0; window < 600; window++) {
    inbox.take({ ...report(0, window, 0, 1 + window, 0, 0), counted: "received" });
    if (window % 200 === 199) await inbox.flush();
  }
  expect(inbox.counts).toMatchObject({ taken: 600, dropped: 88 });
  full = false;
  await inbox.flush();
  const [{ received: counts }] = await sent();
  expect(counts.map(({ tokens }) => tokens[0])).toEqual(Array.from({ length: 512 }, (_, i) => 89 + i));
});

test("a window counts once, at whichever gateway it comes again", async () => {
  const one = open("one");
  const two = open("two");
  one.inbox.take(report(0, 1, 1, 0, 1, 0));
  expect(one.inbox.take(report(0, 1, 1, 0, 1, 0))).toBe("duplicate");
  await one.inbox.flush();
  expect(two.inbox.take(report(0, 1, 1, 0, 1, 0))).toBe("taken");
  two.inbox.take(report(0, 2, 0, 3, 0, 3));
  await two.inbox.flush();
  const [first, second] = await sent();
  expect([first.tokens, second.tokens]).toEqual([Float32Array.of(1, 0, 1, 0), Float32Array.of(0, 3, 0, 3)]);
  expect(one.inbox.counts).toMatchObject({ taken: 1, duplicate: 1 });
  expect(two.inbox.counts).toMatchObject({ taken: 1, duplicate: 1 });
});

test("windows may come in any order, but not long after; another incarnation begins anew", () => {
  const { inbox } = open("one");
  for (const window of [100, 98, 99, 101]) expect(inbox.take(report(0, window, 1, 0, 1, 0))).toBe("taken");
  expect(inbox.take(report(0, 37, 1, 0, 1, 0))).toBe("late");
  expect(inbox.take(report(0, 38, 1, 0, 1, 0))).toBe("taken");
  expect(inbox.take(report(0, 98, 1, 0, 1, 0))).toBe("duplicate");
  expect(inbox.take({ ...report(0, 0, 1, 0, 1, 0), incarnation: 5 })).toBe("taken");
  expect(inbox.take(report(1, 0, 1, 0, 1, 0))).toBe("taken");
  expect(inbox.counts).toEqual({ taken: 7, duplicate: 1, late: 1, implausible: 0, dropped: 0 });
});

test("a window far ahead makes none late; where more follow it, they are counted, and those that go on as before too", () => {
  const { inbox } = open("one");
  const take = (window: number) => inbox.take(report(0, window, 1, 0, 1, 0));
  expect([100, 101, 86_500, 102, 103].map(take)).toEqual(["taken", "taken", "taken", "taken", "taken"]);
  expect([86_501, 104, 86_502, 105].map(take)).toEqual(["taken", "taken", "taken", "taken"]);
  expect([86_502, 105].map(take)).toEqual(["duplicate", "duplicate"]);
});

test("a clock that was set back costs one window; a backlog leaves the present alone", () => {
  const { inbox } = open("one");
  const take = (window: number) => inbox.take(report(0, window, 1, 0, 1, 0));
  expect([5000, 1000, 1000, 1001, 1002].map(take)).toEqual(["taken", "late", "duplicate", "taken", "taken"]);
  expect([5001, 1003, 5002].map(take)).toEqual(["taken", "taken", "taken"]);
});

test("whatever is sent in a rank's name for a moment, its own windows count from the second on at the latest", () => {
  const windows = fc.array(fc.integer({ min: 0, max: 2 ** 40 }), { maxLength: 6 });
  fc.assert(
    fc.property(windows, fc.integer({ min: 0, max: 2 ** 40 }), (others, own) => {
      const { inbox } = open("one");
      for (const window of others) inbox.take(report(0, window, 1, 0, 1, 0));
      const verdicts = [0, 1, 2, 3].map((i) => inbox.take(report(0, own + i, 1, 0, 1, 0)));
      fc.pre(others.every((window) => window < own || window > own + 3));
      expect(verdicts.slice(1)).toEqual(["taken", "taken", "taken"]);
    }),
    { seed: 3, numRuns: 300 },
  );
});

test("every report that can be true is a sign of life, late and repeated ones too, with its incarnation", async () => {
  const { inbox } = open("one");
  const one = (window: number, incarnation: number | null, windowMs = 100) =>
    inbox.take({ ...report(2, window, 1, 0, 1, 0), incarnation, windowMs });
  one(1000, null);
  await inbox.flush();
  await sent();
  expect(one(1000, null)).toBe("duplicate");
  expect(one(1, null, 300)).toBe("late");
  expect(() => inbox.take(report(3, 1, 1e6, 0, 1, 0))).toThrow("counts 1000000");
  await inbox.flush();
  const reported = [{ rank: 2, windowMs: 300, incarnation: null, counted: "source" }];
  expect(await sent()).toMatchObject([{ reported, spanMs: 0, tokens: new Float32Array(4) }]);
  one(1001, 7);
  one(1, 8);
  one(1002, 7);
  await inbox.flush();
  const [{ reported: signs }] = await sent();
  expect(signs.map(({ incarnation }) => incarnation)).toEqual([7, 8]);
});

test("reports without a window are all counted", async () => {
  const { inbox } = open("one");
  for (let i = 0; i < 2; i++) expect(inbox.take(report(null, null, 1, 0, 1, 0))).toBe("taken");
  await inbox.flush();
  expect(await sent()).toMatchObject([{ reported: [], spanMs: 200, tokens: Float32Array.of(2, 0, 2, 0) }]);
});

test("layers of what a rank received may differ as its experts do; one rank may receive the tokens of all", () => {
  const { inbox } = open("one");
  const take = (...counts: number[]) => inbox.take({ ...report(0, null, ...counts), counted: "received" });
  expect(take(0, 4e5, 0, 1)).toBe("taken");
  expect(() => take(0, 4.1e5, 0, 1)).toThrow("counts 4100000 tokens per second, above 4000000");
});

test("a rank that counts more experts than it can hold did not receive their tokens", () => {
  const wide = { layers: 1, experts: 8, gpus: 4 };
  const store = new PartitionedStore(shared).pool("p");
  const inbox = new LoadInbox({
    store,
    gateway: "one",
    shape: wide,
    slotsPerGpu: 1,
    topk: 1,
    sentRows: null,
  });
  const take = (...counts: number[]) => inbox.take({ ...report(0, null, ...counts), counted: "received" });
  expect(take(1, 1, 1, 1, 0, 0, 0, 0)).toBe("taken");
  expect(() => take(1, 1, 1, 1, 1, 0, 0, 0)).toThrow(
    'counts tokens of 5 experts in layer 0, and a rank with 1 slots receives those of 4 at most: does it count "source"?',
  );
  expect(inbox.counts).toMatchObject({ taken: 1, implausible: 1 });
});

test.each([
  [report(0, 1, 1e6, 0, 1, 0), "counts 1000000 in one layer and 1 in another; nothing of it was counted"],
  [report(0, 1, 4e9, 0, 4e9, 0), "counts 40000000000 tokens per second, above 1000000"],
  [report(null, 1, 4e9, 0, 4e9, 0), "counts 40000000000 tokens per second, above 4000000"],
])("what cannot be true is refused, and counted as such: %#", (implausible, message) => {
  const { inbox } = open("one");
  expect(() => inbox.take(implausible)).toThrow(`body: logical_count ${message}`);
  expect(inbox.counts.implausible).toBe(1);
  // A rank of a pipeline counts its own layers only.
  expect(inbox.take(report(0, 1, 0, 0, 5, 5))).toBe("taken");
});

test("what the store does not take is sent once it does, all of it, once", async () => {
  const { inbox, store } = open("one");
  store.cut();
  inbox.take(report(0, 1, 1, 0, 1, 0));
  await inbox.flush();
  inbox.take(report(0, 2, 1, 0, 1, 0));
  await inbox.flush();
  expect(await sent()).toEqual([]);
  store.join();
  await inbox.flush();
  expect(await sent()).toMatchObject([{ spanMs: 200, tokens: Float32Array.of(2, 0, 2, 0) }]);
  await inbox.stop();
  expect(await sent()).toEqual([]);
});

test("what waits for a store is bounded, the oldest is dropped and counted", async () => {
  const { inbox, store } = open("one");
  store.cut();
  for (let window = 0; window < 600; window++) inbox.take(report(0, window, 1, 0, 1, 0));
  expect(inbox.counts).toMatchObject({ taken: 600, dropped: 88 });
  store.join();
  await inbox.flush();
  expect(await sent()).toMatchObject([{ tokens: Float32Array.of(512, 0, 512, 0) }]);
});
