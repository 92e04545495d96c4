import { expect, test } from "vitest";
import { startGateway } from "../../harness/fakes/start-gateway.ts";
import { scratchFolder } from "../../harness/scratch-folder.ts";
import { smallGroup } from "../../harness/small-group.ts";
import { patiently } from "../patiently.ts";

/** 72 GPUs: who sends to whom is told apart by node. */
const LARGE = { nodes: 9, gpusPerNode: 8, slotsPerGpu: 1 };
/** Everything at a tenth of its time or less, but placements. */
const SETTINGS = "control: { sharesMs: 50, placementMs: 600000 }";

interface Block {
  readonly rows: readonly number[];
  readonly columns: readonly number[];
  readonly selectionsPerSecond: readonly number[][];
  readonly tokensPerSecond: null;
  readonly evenSelectionsPerSecond: number;
}
interface Answer {
  readonly exchange: { readonly by: string; readonly selectionsPerSecond: readonly number[][] } | null;
  readonly block: Block | null;
}

const sum = (matrix: readonly number[][] = []) => matrix.flat().reduce((total, one) => total + one, 0);

test("who sends to whom in a large pool is told apart by node, and by GPU of the nodes that are asked for", async () => {
  await using folder = await scratchFolder();
  const group = await smallGroup(folder, LARGE);
  const gateway = await startGateway(
    `${SETTINGS}\npools: [{ name: large, kind: openai, models: [one], urls: [http://127.0.0.1:9], experts: ${group} }]`,
  );
  try {
    const ask = (query: string) => fetch(`${gateway.url}/ep/v1/exchange/large${query}`);
    const answer = async (query: string) => (await (await ask(query)).json()) as Answer;
    const block = async (query: string) => (await answer(query)).block;
    expect(await block("?from=1")).toBeNull();
    const logical_count = Array.from({ length: 6 }, () => Array.from({ length: 32 }, () => 9));
    const all = 6 * 32 * 9;
    const report = { pool: "large", rank: 11, windowMs: 1000, logical_count };
    const headers = { "content-type": "application/json" };
    const looked = async () => {
      await fetch(`${gateway.url}/ep/v1/load`, { method: "POST", headers, body: JSON.stringify(report) });
      return block("?from=1");
    };
    await expect.poll(looked, patiently).toMatchObject({ rows: [8, 9, 10, 11, 12, 13, 14, 15] });
    const sent = await block("?from=1");
    expect(sent?.columns).toEqual(Array.from({ length: 72 }, (_, gpu) => gpu));
    const bySource = sent?.selectionsPerSecond.map((row) => Math.round(sum([row])));
    expect(bySource).toEqual([0, 0, 0, all, 0, 0, 0, 0]);
    expect(sent?.evenSelectionsPerSecond).toBe(all / 72);
    expect(sent?.tokensPerSecond).toBeNull();
    const { exchange, block: pair } = await answer("?from=1&to=2");
    expect(exchange?.by).toBe("node");
    expect(pair?.columns).toEqual([16, 17, 18, 19, 20, 21, 22, 23]);
    expect(sum(pair?.selectionsPerSecond)).toBeCloseTo(exchange?.selectionsPerSecond[1][2] ?? 0, 0);
    expect((await block("?to=8"))?.rows.length).toBe(72);
    for (const query of ["?from=9", "?to=x"]) expect((await ask(query)).status).toBe(400);
  } finally {
    await gateway.stop();
  }
});
