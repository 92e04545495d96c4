import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { binaryLoad } from "../../harness/binary-load.ts";
import { type FakeServer, startOpenAiServer } from "../../harness/fakes/start-openai-server.ts";
import { type RunningGateway, startGateway } from "../../harness/fakes/start-gateway.ts";
import { nest } from "../../src/formats/json.ts";
import { Rng } from "../../src/lib/rng.ts";
import { patiently } from "../patiently.ts";

const LAYERS = 58;
const EXPERTS = 256;
const RANKS = 32;
const SLOTS = 9;

let fake: FakeServer;
let gateway: RunningGateway;
beforeAll(async () => {
  fake = await startOpenAiServer();
  gateway = await startGateway(`
control: { sharesMs: 50, placementMs: 3600000, rankSilenceMs: 0 }
pools:
  - name: chat
    kind: openai
    models: [small]
    urls: [${fake.url}]
    experts: { model: deepseek-v3, topology: ep32 }
`);
  const published = async () => expect((await fetch(`${gateway.url}/ep/v1/placement/chat`)).status).toBe(200);
  await vi.waitFor(published, patiently);
});
afterAll(async () => {
  await gateway.stop();
  await fake.kill();
});

/** `[layers][experts]`: about 8 × 4096 selections a layer; few experts get most, others in each layer. */
function decodeLoad(rng: Rng): Float64Array {
  const load = new Float64Array(LAYERS * EXPERTS);
  for (let layer = 0; layer < LAYERS; layer++) {
    const weights = Array.from({ length: EXPERTS }, () => Math.exp(1.5 * rng.normal()));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    for (const [e, weight] of weights.entries())
      load[layer * EXPERTS + e] = Math.round((8 * 4096 * weight) / sum);
  }
  return load;
}

/** `[ranks]` of `[layers][experts]`: each expert's tokens, split over its slots. */
function receivedBy(load: Float64Array, map: readonly (readonly number[])[]): Uint32Array<ArrayBuffer>[] {
  const received = Array.from({ length: RANKS }, () => new Uint32Array(LAYERS * EXPERTS));
  for (const [layer, row] of map.entries()) {
    for (let e = 0; e < EXPERTS; e++) {
      const slots = [...row.keys()].filter((slot) => row[slot] === e);
      for (const [nth, slot] of slots.entries()) {
        const tokens = load[layer * EXPERTS + e];
        received[Math.floor(slot / SLOTS)][layer * EXPERTS + e] += Math.floor((tokens + nth) / slots.length);
      }
    }
  }
  return received;
}

/** Whether the layers of one report differ as only received counts may. */
function looksImplausible(counts: Uint32Array): boolean {
  const sums = Array.from({ length: LAYERS }, (_, layer) =>
    counts.subarray(layer * EXPERTS, (layer + 1) * EXPERTS).reduce((sum, count) => sum + count, 0),
  );
  return Math.max(...sums) > 2 * Math.min(...sums);
}

async function post(
  rank: number,
  window: number,
  counts: Uint32Array,
  binary: boolean,
  counted?: "received",
) {
  const report = { rank, window, incarnation: 1, windowMs: 1000 };
  const response = await fetch(`${gateway.url}/ep/v1/load?pool=chat`, {
    method: "POST",
    headers: { "content-type": binary ? "application/vnd.plimsoll.load" : "application/json" },
    body: binary
      ? new Uint8Array(binaryLoad({ ...report, counts, ...(counted ? { counted } : {}) }, LAYERS, EXPERTS))
      : JSON.stringify({
          pool: "chat",
          ...report,
          counts: counted,
          logical_count: nest(Float64Array.from(counts), EXPERTS),
        }),
  });
  return [response.status, (await response.json()) as Record<string, unknown>] as const;
}

async function loads(): Promise<unknown> {
  const state = await (await fetch(`${gateway.url}/admin/state`)).json();
  return (state as { pools: { control: { loads: unknown } }[] }).pools[0].control.loads;
}

/** The largest difference of the tracked load from what was routed, both relative to a layer's mean. */
function farthest(load: Float64Array): number {
  const tracked = gateway.app.pools()[0].controlled?.loop.view.report?.expertLoad ?? [];
  let most = tracked.length === LAYERS ? 0 : Number.POSITIVE_INFINITY;
  for (const [layer, row] of tracked.entries())
    for (const [e, value] of row.entries())
      most = Math.max(most, Math.abs(value - load[layer * EXPERTS + e] / ((8 * 4096) / EXPERTS)));
  return most;
}

test("32 ranks report what they received in skewed decode: all count, and one that falls silent makes no expert cold", async () => {
  const map = (
    (await (await fetch(`${gateway.url}/ep/v1/placement/chat`)).json()) as {
      physical_to_logical_map: number[][];
    }
  ).physical_to_logical_map;
  const load = decodeLoad(new Rng(1));
  const received = receivedBy(load, map);
  expect(received.filter(looksImplausible).length).toBeGreaterThan(RANKS / 2);

  const windowOf = (window: number, ranks: readonly number[]) =>
    Promise.all(ranks.map((rank) => post(rank, window, received[rank], rank % 2 === 0, "received")));
  const all = [...received.keys()];
  for (const answer of await windowOf(1, all))
    expect(answer).toEqual([202, { accepted: true, verdict: "taken" }]);
  const amiss = { otherKind: [], missing: [], implausible: [], implausibleLayers: [] };
  await expect.poll(loads, patiently).toEqual({ counts: "received", ...amiss });
  // Two decimals, and what splitting over slots rounds.
  expect(farthest(load)).toBeLessThan(0.05);

  const others = all.filter((rank) => rank !== 5);
  let window = 1;
  const missing = async () => {
    await windowOf(++window, others);
    return loads();
  };
  await expect.poll(missing, patiently).toEqual({ counts: "received", ...amiss, missing: [5] });
  expect(farthest(load)).toBeLessThan(0.05);
  const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
  expect(metrics).toContain('plimsoll_unused_ranks{pool="chat",why="missing"} 1');
  expect(metrics).toMatch(/plimsoll_load_reports_total\{pool="chat",verdict="implausible"\} 0/);

  const flat = new Uint32Array(LAYERS * EXPERTS).fill(7);
  expect(await post(5, 2, flat, true)).toMatchObject([
    202,
    { accepted: true, hint: expect.stringContaining('more ranks of the pool report "counts": "received"') },
  ]);
  const whole = { pool: "chat", windowMs: 1000, logical_count: nest(Float64Array.from(flat), EXPERTS) };
  const beside = await fetch(`${gateway.url}/ep/v1/load`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(whole),
  });
  expect(await beside.json()).toMatchObject({
    hint: expect.stringContaining("beside them a report of the whole pool is not used"),
  });
  expect(await post(5, 3, flat, false, "received")).toMatchObject([
    400,
    { error: { message: expect.stringContaining('does it count "source"?') } },
  ]);
});
