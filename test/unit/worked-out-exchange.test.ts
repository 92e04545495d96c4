import { expect, test } from "vitest";
import { LoadInbox } from "../../src/control/ingest/load-inbox.ts";
import { ReportedPlane } from "../../src/control/ingest/reported-plane.ts";
import { SentRows } from "../../src/control/ingest/sent-rows.ts";
import { type LoadMessage, decodeMessage } from "../../src/control/messages/pool-message.ts";
import type { EngineReport } from "../../src/control/ingest/engine-report.ts";
import { expectedActivated } from "../../src/core/shares/expected-activated.ts";
import { Rng } from "../../src/lib/rng.ts";
import type { ConsumerDispatch } from "../../src/model/consumer-dispatch.ts";
import { modelLike, SMALL_MODEL } from "../../harness/small-model.ts";
import { snapshotOf } from "../snapshot-of.ts";

/** Two nodes of two GPUs; one layer of 6 experts. Experts 0 and 1 have a replica on each node. */
const topology = { nodes: 2, gpusPerNode: 2, slotsPerGpu: 2 };
const model = modelLike(SMALL_MODEL, {
  layers: 2,
  denseLayers: 1,
  experts: 6,
  topk: 1,
  groups: 1,
  topkGroups: 1,
});
const placement = {
  layers: 1,
  experts: 6,
  topology,
  physicalToLogical: Int32Array.of(0, 2, 1, 3, 0, 4, 1, 5),
};
const snapshot = snapshotOf(placement, Float64Array.of(0.25, 1, 0.5, 1, 0.75, 1, 0.5, 1));

/** A gateway that ranks report to, and the pool's leader, which hears it. */
class Pool {
  readonly plane: ReportedPlane;
  readonly inbox: LoadInbox;
  readonly messages: LoadMessage[] = [];

  constructor(dispatch: ConsumerDispatch) {
    this.plane = new ReportedPlane("p", { model, topology, dispatch });
    this.plane.commit(snapshot);
    const store = {
      claim: async (names: readonly string[]) => names.map(() => true),
      send: async (bytes: Uint8Array) => {
        const message = decodeMessage(bytes, this.plane.shape) as LoadMessage;
        this.messages.push(message);
        this.plane.receive(message);
      },
    };
    this.inbox = new LoadInbox({
      store,
      gateway: "one",
      shape: this.plane.shape,
      slotsPerGpu: 2,
      topk: 1,
      sentRows: new SentRows({ dispatch, snapshot: () => snapshot }),
    });
  }

  async report(
    rank: number | null,
    counts: readonly number[],
    more: { readonly windowMs?: number; readonly counted?: "received"; readonly engine?: EngineReport } = {},
  ): Promise<void> {
    const { windowMs = 1000, counted = "source" as const, engine = null } = more;
    const report = { rank, window: null, incarnation: null, windowMs, counted, engine };
    this.inbox.take({ ...report, counts: Float64Array.from(counts) });
    await this.inbox.flush();
  }
}

const rowsOf = (matrix: Float32Array) => [0, 4, 8, 12].map((at) => [...matrix.subarray(at, at + 4)]);

test("by shares, every rank's tokens go where their experts are, in their parts", async () => {
  const pool = new Pool("shares");
  await pool.report(0, [8, 0, 3, 0, 0, 0]);
  await pool.report(3, [0, 4, 0, 0, 0, 7]);
  await pool.plane.observe();
  const exchange = pool.plane.takeExchange();
  expect(rowsOf(exchange?.selections as Float32Array)).toEqual([
    [5, 0, 6, 0],
    [0, 0, 0, 0],
    [0, 0, 0, 0],
    [0, 2, 0, 9],
  ]);
  expect(exchange).toMatchObject({ by: "gpu", units: 4, spanMs: 1000, basis: "worked out", silent: [1, 2] });
  expect(exchange).toMatchObject({ ownGpu: 14, ownNode: 14, nodeHopsPerToken: null });
  expect(exchange?.tokens.length).toBe(0);
  expect(exchange?.how).toContain("by the published shares");
});

test("near replicas are taken where the engine prefers them", async () => {
  const pool = new Pool("static");
  await pool.report(0, [8, 6, 0, 0, 0, 0]);
  await pool.report(3, [4, 4, 0, 0, 0, 0]);
  const exchange = pool.plane.takeExchange();
  expect(rowsOf(exchange?.selections as Float32Array)).toEqual([
    [8, 6, 0, 0],
    [0, 0, 0, 0],
    [0, 0, 0, 0],
    [0, 0, 4, 4],
  ]);
  expect(exchange).toMatchObject({ ownGpu: 12, ownNode: 22 });
});

test("a second of a rank is worked out every five, at its own rate", async () => {
  const pool = new Pool("even");
  for (let second = 0; second < 11; second++)
    await pool.report(1, [0, 0, 2 + second, 0, 0, 0], { windowMs: 500 });
  const rows = pool.messages.flatMap(({ sent }) => sent);
  // Windows 0 and 1, then 10 and what is not whole yet.
  expect(rows.map(({ spanMs, selections }) => [spanMs, ...selections])).toEqual([[1000, 5, 0, 0, 0]]);
  await pool.report(1, [0, 0, 20, 0, 0, 0], { windowMs: 500 });
  expect(pool.messages.at(-1)?.sent.map(({ selections }) => selections[0])).toEqual([32]);
  expect(pool.plane.takeExchange()?.selections[4]).toBe(32);
});

test("what is not said is not made up", async () => {
  const whole = new Pool("even");
  expect(whole.plane.takeExchange()).toBeNull();
  await whole.report(null, [1, 1, 1, 1, 1, 1]);
  expect(whole.plane.takeExchange()).toMatchObject({
    basis: "unknown",
    how: expect.stringContaining("whole pool") as string,
  });
  const priced = new Pool("priced");
  await priced.report(0, [1, 1, 1, 1, 1, 1]);
  expect(priced.plane.takeExchange()).toMatchObject({
    basis: "unknown",
    how: expect.stringContaining("batch by batch") as string,
  });
  const received = new Pool("even");
  for (let rank = 0; rank < 4; rank++) {
    const counts = [0, 0, 0, 0, 0, 0];
    counts[placement.physicalToLogical[2 * rank]] = counts[placement.physicalToLogical[2 * rank + 1]] = 5;
    await received.report(rank, counts, { counted: "received" });
  }
  await received.plane.observe();
  const unknown = received.plane.takeExchange();
  expect(unknown).toMatchObject({ basis: "unknown", how: expect.stringContaining("received") as string });
  expect(unknown?.selections.length).toBe(0);
});

test("experts that steps read are expected of counts where the engine says its steps, and else not", async () => {
  const pool = new Pool("shares");
  const engine = (step: number): EngineReport => ({
    name: "vllm 0.32.0",
    step,
    rebalances: 0,
    rebalanceEvery: 0,
    dispatch: "even",
    balancedness: null,
    ranks: [],
  });
  await pool.report(null, [10, 10, 10, 10, 10, 10], { engine: engine(100) });
  expect((await pool.plane.observe())?.activated).toBeNull();
  await pool.report(null, [40, 0, 20, 0, 0, 0], { engine: engine(120) });
  const window = await pool.plane.observe();
  expect(window?.activated?.estimated).toBe(true);
  const used = (perStep: number) => 1 - Math.exp(-perStep);
  expect([...(window?.activated?.perGpu ?? [])]).toEqual(
    [used(0.5) + used(1), 0, used(1.5), 0].map((one) => expect.closeTo(one, 9)),
  );
  await pool.report(null, [40, 0, 20, 0, 0, 0]);
  expect((await pool.plane.observe())?.activated).toBeNull();
  await pool.report(0, [40, 0, 20, 0, 0, 0], { engine: engine(140) });
  expect((await pool.plane.observe())?.activated).toBeNull();
});

test("what is expected is what tokens do that choose by themselves", () => {
  const rng = new Rng(3);
  const [steps, tokens] = [2000, 6];
  const chances = [0.4, 0.3, 0.15, 0.1, 0.04, 0.01];
  const load = new Float64Array(6);
  const active = [0, 0, 0, 0];
  const { values } = snapshot.shares;
  for (let step = 0; step < steps; step++) {
    const slots = new Set<number>();
    for (let token = 0; token < tokens; token++) {
      let at = rng.uniform();
      const expert = chances.findIndex((chance) => (at -= chance) < 0);
      load[expert]++;
      let part = rng.uniform();
      for (const [slot, held] of placement.physicalToLogical.entries())
        if (held === expert && (part -= values[slot]) < 0) {
          slots.add(slot);
          break;
        }
    }
    for (const slot of slots) active[slot >> 1]++;
  }
  const expected = expectedActivated(placement, values, { layers: 1, experts: 6, tokens: load }, steps);
  for (const [gpu, sum] of active.entries()) expect(Math.abs(expected[gpu] - sum / steps)).toBeLessThan(0.09);
});
