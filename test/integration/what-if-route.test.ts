import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningGateway, startGateway } from "../../harness/fakes/start-gateway.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { smallGroup } from "../../harness/small-group.ts";
import { SMALL_MOE_LAYERS } from "../../harness/small-model.ts";
import { patiently } from "../patiently.ts";

const SETTINGS = "control: { sharesMs: 200, placementMs: 60000 }";
const JSON_TYPE = { "content-type": "application/json" };

let folder: ScratchFolder;
let gateway: RunningGateway;
beforeAll(async () => {
  folder = await scratchFolder();
  const group = await smallGroup(folder);
  const simulated = group.replace("{", "{ name: demo, kind: simulated, policy: least-load, seed: 1,");
  const real = `{ name: real, kind: vllm, models: [other], urls: [http://127.0.0.1:9], experts: ${group} }`;
  gateway = await startGateway(`${SETTINGS}\npools: [${simulated}, ${real}]`);
});
afterAll(async () => {
  await gateway?.stop();
  await folder[Symbol.asyncDispose]();
});

/** What of an answer is read here. */
interface Answer {
  readonly why: string | null;
  readonly notes: readonly string[];
  readonly gpus: readonly string[] | null;
  readonly points: readonly Readonly<Record<string, number>>[];
  readonly now: Readonly<Record<string, number | null>>;
  readonly measured: Readonly<Record<string, number>>;
  readonly most: { readonly factor: number };
  readonly error: { readonly message: string };
}

async function ask(pool: string, body: unknown): Promise<{ readonly status: number; readonly body: Answer }> {
  const response = await fetch(`${gateway.url}/ep/v1/what-if/${pool}`, {
    method: "POST",
    headers: JSON_TYPE,
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Answer };
}

async function chat(): Promise<void> {
  const messages = [{ role: "user", content: "some words to read ".repeat(20) }];
  const body = JSON.stringify({
    model: "small",
    messages,
    max_tokens: 6,
    stream: true,
    stream_options: { include_usage: true },
  });
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: JSON_TYPE,
    body,
  });
  await response.text();
  expect(response.status).toBe(200);
}

test("before there is traffic, that is what is said", async () => {
  for (const what of ["traffic", "nodes"]) {
    const { status, body } = await ask("demo", { what });
    expect(status).toBe(200);
    expect(body.why).toBe("no request was answered in the last minute: there is no traffic to multiply");
  }
});

test("a simulated pool under traffic: slots, traffic and nodes", async () => {
  for (let i = 0; i < 4; i++) await Promise.all(Array.from({ length: 4 }, chat));
  await expect.poll(async () => (await ask("demo", { what: "slots" })).body.why, patiently).toBeNull();
  const slots = await ask("demo", { what: "slots" });
  expect(slots.body.points.map(({ slotsPerGpu }) => slotsPerGpu)).toEqual([8, 9, 10, 11, 12, 13, 14]);
  expect(slots.body.now).toMatchObject({ slotsPerGpu: 10, redundant: 8, throughput: 1 });
  expect(slots.body.notes).toEqual([]);
  expect(slots.body.gpus).toBeNull();
  const traffic = await ask("demo", { what: "traffic" });
  expect(traffic.body.why).toBeNull();
  expect(traffic.body.measured.answerTokens).toBe(6);
  expect(traffic.body.measured.promptTokens).toBe(80);
  expect(traffic.body.most.factor).toBeGreaterThan(1);
  expect(traffic.body.points.map(({ factor }) => factor)).toContain(1);
  const nodes = await ask("demo", { what: "nodes" });
  expect(nodes.body.points.map((point) => point.nodes)).toEqual([1, 2, 3]);
});

test("real servers: slots by the load alone; what is not known is said, and can be given", async () => {
  const row = Array.from({ length: 32 }, (_, expert) => (expert === 3 ? 900 : 100));
  const counts = Array.from({ length: SMALL_MOE_LAYERS }, () => row);
  const load = { pool: "real", windowMs: 100, logical_count: counts };
  const report = async () => {
    await fetch(`${gateway.url}/ep/v1/load`, {
      method: "POST",
      headers: JSON_TYPE,
      body: JSON.stringify(load),
    });
    return (await ask("real", { what: "slots" })).body.why;
  };
  await expect.poll(report, patiently).toBeNull();
  const { body } = await ask("real", { what: "slots" });
  expect(body.points).toHaveLength(7);
  expect(body.points[0].stepFactor).toBeGreaterThan(body.points[2].stepFactor + 0.1);
  expect(body.points[0].throughput).toBeNull();
  expect(body.gpus).toContain("h200");
  expect(body.notes.join()).toContain("the type of GPU is not known");
  const known = await ask("real", { what: "slots", gpu: "h200", attentionTp: 4 });
  expect(known.body.notes).toEqual([]);
  expect(known.body.now.throughput).toBe(1);
  const traffic = await ask("real", { what: "traffic" });
  expect(traffic.body.why).toContain("does not know the type of GPU of these servers; it can be given");
  const given = await ask("real", { what: "traffic", gpu: "h200" });
  expect(given.body.why).toContain("no request was answered");
});

test.each([
  ["demo", { what: "gpus" }, 400, 'what is "gpus"; expected slots, traffic, nodes'],
  ["demo", [], 400, "is no JSON object"],
  ["demo", { what: "slots", gpu: "h20x" }, 400, "gpu: "],
  ["demo", { what: "slots", stepTokens: 512 }, 400, "stepTokens: has no effect on a simulated pool"],
  ["none", { what: "slots" }, 404, "No pool with an expert plane"],
])("%s %j: %i", async (pool, body, status, message) => {
  const answer = await ask(pool, body);
  expect(answer.status).toBe(status);
  expect(answer.body.error.message).toContain(message);
  expect(answer.body.error.message).not.toContain("\n");
});
