import { execFile } from "node:child_process";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type RunningGateway, startGateway } from "../../harness/fakes/start-gateway.ts";
import { deadUrl } from "../../harness/fakes/start-openai-server.ts";

const folder = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const FAKES = folder("../../harness/fakes/python");
const PYTHONPATH = `${folder("../../deploy/engines")}:${FAKES}`;
/** What the engines in harness/fakes/python come to by themselves. */
const OWN = -7;
/** Two layers of 16 experts; the second is idle. */
const LOAD = [
  Array.from({ length: 16 }, (_, expert) => (expert === 3 ? 500 : 10)),
  Array<number>(16).fill(0),
];

/** Of DeepSeek-V3's 58 MoE layers. */
const COUNTS = Array.from({ length: 58 }, () =>
  Array.from({ length: 256 }, (_, expert) => (expert % 4 === 0 ? 3 : 1)),
);

let gateway: RunningGateway;
let hostile: Server | null = null;
beforeAll(async () => {
  gateway = await startGateway(`
pools:
  - { name: chat, kind: openai, models: [small], urls: [${await deadUrl()}] }
  - name: experts
    kind: openai
    models: [large]
    urls: [${await deadUrl()}]
    experts: { model: deepseek-v3, topology: ep32 }
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

test("beside FastDeploy loads are told, experts are loaded on every rank, and only then all turn to them", async () => {
  const actions: string[] = [];
  const pushed: unknown[] = [];
  /** FastDeploy's routes for its experts; it has loaded them when it is asked for the second time. */
  let loading = 0;
  hostile = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const { user, action, data } = JSON.parse(Buffer.concat(parts).toString()) as {
        user: string;
        action?: string;
        data?: unknown;
      };
      const route = (request.url ?? "").split("/").at(-1);
      const ok = { code: user === "fd" ? 0 : 1, msg: "ok" };
      actions.push(action ?? route ?? "");
      if (action === "recv_expert_weight") pushed.push(data);
      const status = route === "check_redundant" && loading++ > 1 ? "LOAD_SUCC" : "DOING";
      // Two ranks of this node; one dense layer.
      response.end(
        JSON.stringify({
          ...ok,
          status,
          data: [
            [Array(256).fill(9), ...COUNTS],
            [Array(256).fill(9), ...COUNTS],
          ],
        }),
      );
    });
  });
  await new Promise<void>((resolve) => hostile?.listen(0, "127.0.0.1", resolve));
  const node = `http://127.0.0.1:${(hostile.address() as AddressInfo).port}`;
  const options = [
    "--pool",
    "experts",
    "--dense-layers",
    "1",
    "--window",
    "0.1",
    "--windows",
    "1",
    "--rearrange-every",
    "1",
  ];
  const said = await new Promise<string>((resolve, reject) => {
    execFile(
      "python3",
      ["-m", "plimsoll_eplb.fastdeploy", ...options, `${node}/a`, `${node}/b`],
      {
        env: {
          ...process.env,
          PYTHONPATH,
          PYTHONDONTWRITEBYTECODE: "1",
          PLIMSOLL_URL: gateway.url,
          FASTDEPLOY_USER: "fd",
        },
      },
      (error, _, stderr) => (error === null ? resolve(stderr) : reject(error)),
    );
  });
  expect(said).toBe("");
  const last = actions.lastIndexOf("check_redundant");
  expect(actions.slice(4, 6)).toEqual(["recv_expert_weight", "recv_expert_weight"]);
  expect(actions.slice(last + 1)).toEqual(["update_weight_from_tensor", "update_weight_from_tensor"]);
  expect(pushed[0]).toEqual([Array(256).fill(36), ...COUNTS.map((row) => row.map((count) => 4 * count))]);
  const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
  expect(metrics).toContain('plimsoll_load_reports_total{pool="experts",verdict="taken"} 1');
});
