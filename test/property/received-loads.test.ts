import assert from "node:assert/strict";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { LoadReport } from "../../src/control/ingest/load-report.ts";
import { LoadInbox } from "../../src/control/ingest/load-inbox.ts";
import { ReportedPlane } from "../../src/control/ingest/reported-plane.ts";
import { type LoadMessage, decodeMessage } from "../../src/control/messages/pool-message.ts";
import type { Counted } from "../../src/control/messages/received-counts.ts";
import { Rng } from "../../src/lib/rng.ts";
import { type Placement, gpusInService } from "../../src/model/placement.ts";
import type { PoolWindow } from "../../src/model/pool-window.ts";
import { SMALL_MODEL, SMALL_MOE_LAYERS } from "../../harness/small-model.ts";
import { randomPlacement } from "../random-placement.ts";
import { type BothCounts, countedTokens } from "../received-stream.ts";
import { runs } from "../runs.ts";
import { snapshotOf } from "../snapshot-of.ts";

const LAYERS = SMALL_MOE_LAYERS;
const { experts: EXPERTS, topk: TOPK } = SMALL_MODEL;

/** A pool, and what its ranks count of one window: skewed in each layer by itself. */
interface Case {
  readonly rng: Rng;
  readonly placement: Placement;
  readonly counts: BothCounts;
}

const cases: fc.Arbitrary<Case> = fc
  .record({
    seed: fc.nat(),
    gpus: fc.integer({ min: 2, max: 8 }),
    redundant: fc.integer({ min: 0, max: 2 }),
    skew: fc.double({ min: 0, max: 2.5, noNaN: true }),
    tokens: fc.integer({ min: 50, max: 300 }),
  })
  .map(({ seed, gpus, redundant, skew, tokens }) => {
    const rng = new Rng(seed);
    const slotsPerGpu = Math.ceil(EXPERTS / gpus) + redundant;
    const placement = randomPlacement(rng, LAYERS, EXPERTS, { nodes: 1, gpusPerNode: gpus, slotsPerGpu });
    const parts = Array.from({ length: LAYERS }, () =>
      Array.from({ length: EXPERTS }, () => Math.exp(skew * rng.normal())),
    );
    return { rng, placement, counts: countedTokens(rng, placement, parts, tokens, TOPK) };
  });

/** Two gateways' inboxes in front of the leader's plane, through the messages between them. */
class Pool {
  readonly #plane: ReportedPlane;
  readonly #inboxes: readonly LoadInbox[];
  readonly #counted: Counted;
  #window = 0;

  constructor(placement: Placement, counted: Counted) {
    const { topology } = placement;
    this.#counted = counted;
    this.#plane = new ReportedPlane("p", { model: SMALL_MODEL, topology, dispatch: "shares" });
    const values = new Float64Array(placement.physicalToLogical.length).fill(1);
    this.#plane.commit(snapshotOf(placement, values));
    const store = {
      claim: async (names: readonly string[]) => names.map(() => true),
      send: async (bytes: Uint8Array) =>
        this.#plane.receive(decodeMessage(bytes, this.#plane.shape) as LoadMessage),
    };
    this.#inboxes = ["one", "two"].map(
      (gateway) =>
        new LoadInbox({
          store,
          gateway,
          shape: this.#plane.shape,
          slotsPerGpu: topology.slotsPerGpu,
          topk: TOPK,
          sentRows: null,
        }),
    );
  }

  get loads() {
    return this.#plane.loads;
  }

  /** These ranks report a window each, at either gateway. */
  async report(counts: readonly Float64Array[], ranks: readonly number[], rng: Rng): Promise<void> {
    this.#window++;
    for (const rank of ranks) {
      const report: LoadReport = {
        rank,
        window: this.#window,
        incarnation: null,
        windowMs: 1000,
        counted: this.#counted,
        counts: counts[rank].slice(),
        engine: null,
      };
      expect(this.#inboxes[rng.below(2)].take(report)).toBe("taken");
    }
    for (const inbox of this.#inboxes) await inbox.flush();
  }

  observe(): Promise<PoolWindow | null> {
    return this.#plane.observe();
  }
}

function rates(window: PoolWindow | null): number[] {
  return [...(window?.load.tokens ?? [])].map((tokens) => (1000 * tokens) / (window?.spanMs ?? 0));
}

function expectNear(found: readonly number[], expected: ArrayLike<number>): void {
  expect(found).toHaveLength(expected.length);
  for (const [i, rate] of found.entries()) assert.ok(Math.abs(rate - expected[i]) < 5e-7);
}

test("the load from what ranks received is the load from what they routed", async () => {
  await fc.assert(
    fc.asyncProperty(cases, async ({ rng, placement, counts }) => {
      const ranks = [...counts.load.keys()].slice(0, counts.received.length);
      const received = new Pool(placement, "received");
      await received.report(counts.received, ranks, rng);
      const window = await received.observe();
      expectNear(rates(window), counts.load);
      // A rank's own requests may be few, and the layers of a report never are.
      const source = new Pool(placement, "source");
      await source.report(counts.source, ranks, rng);
      const other = await source.observe();
      expectNear(rates(other), rates(window));
      expect([window?.tokens, window?.spanMs]).toEqual([other?.tokens, other?.spanMs]);
    }),
    { seed: 1, numRuns: runs(20) },
  );
});

test("ranks may report late and in any order: their rates are the load's", async () => {
  await fc.assert(
    fc.asyncProperty(cases, async ({ rng, placement, counts }) => {
      const pool = new Pool(placement, "received");
      const ranks = [...counts.received.keys()];
      await pool.report(counts.received, ranks, rng);
      await pool.observe();
      for (let turn = 0; turn < 12; turn++) {
        // Each is late at times, and never by the windows that others wait.
        const now = ranks.filter((rank) => turn % 3 === rank % 3 || rng.below(2) === 0);
        await pool.report(counts.received, now, rng);
        const window = await pool.observe();
        if (window !== null) expectNear(rates(window), counts.load);
      }
      expect(pool.loads).toMatchObject({ counts: "received", missing: [], implausible: [] });
    }),
    { seed: 2, numRuns: runs(15) },
  );
});

/** Experts all of whose ranks are counted. */
function knownBy({ physicalToLogical, topology }: Placement, without: ReadonlySet<number>): Uint8Array {
  const known = new Uint8Array(LAYERS * EXPERTS).fill(1);
  const width = physicalToLogical.length / LAYERS;
  for (let i = 0; i < physicalToLogical.length; i++) {
    const rank = Math.floor((i % width) / topology.slotsPerGpu);
    if (physicalToLogical[i] >= 0 && without.has(rank))
      known[Math.floor(i / width) * EXPERTS + physicalToLogical[i]] = 0;
  }
  return known;
}

test("whichever ranks are missing, nothing is taken for cold or hot that is not", async () => {
  await fc.assert(
    fc.asyncProperty(cases, fc.infiniteStream(fc.boolean()), async ({ rng, placement, counts }, chosen) => {
      const ranks = [...counts.received.keys()];
      const holders = gpusInService(placement);
      const there = ranks.filter(() => chosen.next().value);
      const without = new Set(ranks.filter((rank) => !there.includes(rank)));
      const pool = new Pool(placement, "received");
      await pool.report(counts.received, ranks, rng);
      expectNear(rates(await pool.observe()), counts.load);
      // They are waited for first, and then no more.
      const windows: PoolWindow[] = [];
      for (let turn = 0; turn < 7; turn++) {
        await pool.report(counts.received, there, rng);
        const window = await pool.observe();
        if (window !== null) windows.push(window);
      }
      const known = knownBy(placement, without);
      const total = counts.load.reduce((sum, tokens) => sum + tokens, 0);
      const part = counts.load.reduce((sum, tokens, cell) => sum + known[cell] * tokens, 0) / total;
      fc.pre(Math.abs(part - 0.25) > 1e-6);
      if (part < 0.25) {
        expect(windows).toEqual([]);
        return;
      }
      expect(windows.length).toBeGreaterThan(0);
      for (const window of windows) expectNear(rates(window), counts.load);
      expect(pool.loads?.missing).toEqual([...holders].filter((rank) => without.has(rank)));
    }),
    { seed: 3, numRuns: runs(30) },
  );
});

test("a rank whose counts cannot be true beside the others' changes nothing either", async () => {
  await fc.assert(
    fc.asyncProperty(cases, fc.nat(), async ({ rng, placement, counts }, which) => {
      const ranks = [...counts.received.keys()];
      fc.pre(LAYERS >= 3 && ranks.length > 2);
      const broken = which % ranks.length;
      const total = counts.load.reduce((sum, tokens) => sum + tokens, 0);
      const pool = new Pool(placement, "received");
      await pool.report(counts.received, ranks, rng);
      await pool.observe();
      const said = counts.received.map((tokens) => tokens.slice());
      const cell = [...said[broken].keys()].find((i) => said[broken][i] > 0) ?? 0;
      said[broken][cell] += 20 * total;
      for (let turn = 0; turn < 4; turn++) {
        await pool.report(said, ranks, rng);
        const window = await pool.observe();
        if (window !== null) expectNear(rates(window), counts.load);
      }
      expect(pool.loads).toMatchObject({ counts: "received", implausible: [broken] });
    }),
    { seed: 4, numRuns: runs(20) },
  );
});

test("a pool whose ranks go over from one kind to the other counts no token twice", async () => {
  await fc.assert(
    fc.asyncProperty(cases, async ({ placement, counts }) => {
      const ranks = [...counts.received.keys()];
      const plane = new ReportedPlane("p", {
        model: SMALL_MODEL,
        topology: placement.topology,
        dispatch: "shares",
      });
      const message = (counted: Counted, of: readonly number[]): LoadMessage => {
        const tokens = new Float32Array(LAYERS * EXPERTS);
        if (counted === "source")
          for (const rank of of) for (const [i, count] of counts.source[rank].entries()) tokens[i] += count;
        const reported = of.map((rank) => ({ rank, windowMs: 1000, incarnation: null, counted }));
        const spanMs = counted === "source" && of.length > 0 ? 1000 : 0;
        const rest = { spanMs, tokens, received: [], engines: [], sent: [] };
        return { kind: "load", from: "one", sampled: false, reported, ...rest };
      };
      for (let replaced = 0; replaced <= ranks.length; replaced++) {
        const old = ranks.slice(replaced);
        plane.receive(message("source", old));
        plane.receive(message("received", ranks.slice(0, replaced)));
        const window = await plane.observe();
        const counted = window?.load.tokens.reduce((sum, tokens) => sum + tokens, 0) ?? 0;
        const all = old.reduce((sum, rank) => sum + counts.source[rank].reduce((a, b) => a + b, 0), 0);
        expect(counted).toBe(2 * old.length >= ranks.length ? all : 0);
      }
    }),
    { seed: 5, numRuns: runs(10) },
  );
});
