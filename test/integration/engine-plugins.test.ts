import { execFile } from "node:child_process";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type RunningGateway, startGateway } from "../fakes/start-gateway.ts";
import { deadUrl } from "../fakes/start-openai-server.ts";

const folder = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const FAKES = folder("../fakes/python");
const PYTHONPATH = `${folder("../../deploy/engines")}:${FAKES}`;
/** What the engines in test/fakes/python come to by themselves. */
const OWN = -7;
/** Two layers of 16 experts; the second is idle. */
const LOAD = [
  Array.from({ length: 16 }, (_, expert) => (expert === 3 ? 500 : 10)),
  Array<number>(16).fill(0),
];

let gateway: RunningGateway;
let hostile: Server | null = null;
beforeAll(async () => {
  gateway = await startGateway(`
pools:
  - { name: chat, kind: openai, models: [small], urls: [${await deadUrl()}] }
`);
});
afterAll(() => gateway.stop());
afterEach(() => {
  hostile?.closeAllConnections();
  hostile?.close();
  hostile = null;
});

interface Step {
  /** `[ranks]`: what each came to. */
  readonly ranks: number[][][][];
  readonly said: string;
}

function step(engine: string, url: string, timeoutS = 10): Promise<Step> {
  const environment = {
    ...process.env,
    PYTHONPATH,
    PYTHONDONTWRITEBYTECODE: "1",
    PLIMSOLL_URL: url,
    PLIMSOLL_TIMEOUT_S: `${timeoutS}`,
  };
  return new Promise((resolve, reject) => {
    const python = execFile(
      "python3",
      [`${FAKES}/engine_step.py`, engine],
      { env: environment },
      (error, stdout, stderr) =>
        error === null
          ? resolve({ ranks: JSON.parse(stdout) as number[][][][], said: stderr })
          : reject(error),
    );
    python.stdin?.end(JSON.stringify(LOAD));
  });
}

async function answering(body: string, status = 200, endless = false): Promise<string> {
  hostile = createServer((_request, response) => {
    response.writeHead(status, { "content-type": "application/json" });
    if (endless) response.write(body);
    else response.end(body);
  });
  await new Promise<void>((resolve) => hostile?.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(hostile.address() as AddressInfo).port}`;
}

describe.each(["vllm", "sglang"])("the plug-in for %s", (engine) => {
  test("has every rank take Plimsoll's placement", async () => {
    const { ranks, said } = await step(engine, gateway.url);
    expect(said).toBe("");
    for (const rank of ranks) expect(rank).toEqual(ranks[0]);
    const [map, replicas, counts] = ranks[0];
    expect(map[0].filter((expert) => expert === 3)).toHaveLength(4);
    for (const layer of map) expect(new Set(layer).size).toBe(16);
    if (engine === "vllm") return;
    expect(counts.map((layer) => layer.reduce((sum, count) => sum + count))).toEqual([20, 20]);
    expect((replicas[0][3] as unknown as number[]).map((slot) => map[0][slot])).toEqual([3, 3, 3, 3]);
  });
});

test.each([
  ["vllm", "nobody answers", async () => deadUrl()],
  ["sglang", "nobody answers", async () => deadUrl()],
  ["vllm", "the answer is an error", async () => answering("{}", 500)],
  ["sglang", "the answer is no JSON", async () => answering("<html>")],
  [
    "vllm",
    "experts are missing",
    async () => answering(JSON.stringify({ physical_to_logical_map: [Array(20).fill(1)] })),
  ],
  ["sglang", "the answer never ends", async () => answering("{", 200, true)],
])("the plug-in for %s leaves it to the engine, on every rank, when %s", async (engine, _, url) => {
  const { ranks, said } = await step(engine, await url(), 0.3);
  expect(ranks).toHaveLength(4);
  for (const [map] of ranks) expect(map[0][0]).toBe(OWN);
  expect(said.match(/plimsoll: the engine places experts itself/g)).toHaveLength(1);
});
