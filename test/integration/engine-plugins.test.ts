import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  type RankSeen,
  type Story,
  endPython,
  engineStory,
  python,
} from "../../harness/fakes/engine-story.ts";
import { type RunningGateway, startGateway } from "../../harness/fakes/start-gateway.ts";
import { deadUrl } from "../../harness/fakes/start-openai-server.ts";

const PYTHONPATH = fileURLToPath(new URL("../../deploy/engines", import.meta.url));
const [RANKS, SLOTS, EXPERTS] = [4, 20, 16];
/** Two layers of 16 experts; the second is idle. */
const HOT = [
  Array.from({ length: EXPERTS }, (_, expert) => (expert === 3 ? 500 : 10)),
  Array<number>(EXPERTS).fill(0),
];
/**
 * Where engines start, experts 0 to 3 are on the first and on the last GPU: shares of theirs make up for what else
 * these hold, expert 4 and expert 15.
 */
const tilted = (expert4: number) =>
  Array.from({ length: EXPERTS }, (_, expert) =>
    expert < 4 ? 60 : expert === 4 ? expert4 : expert === 15 ? 110 - expert4 : 35,
  );
const LEFT = [tilted(100), tilted(10)];
const RIGHT = [tilted(10), tilted(100)];
/** What the engines in harness/fakes/python come to by themselves. */
const OWN = Array.from({ length: SLOTS }, (_, slot) => (2 * EXPERTS - 1 - slot) % EXPERTS);
const START = Array.from({ length: SLOTS }, (_, slot) => slot % EXPERTS);

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
afterAll(() => {
  endPython();
  return gateway.stop();
});
afterEach(() => {
  hostile?.closeAllConnections();
  hostile?.close();
  hostile = null;
});

const told = (engine: "vllm" | "sglang", story: Story, url: string, more: Record<string, string> = {}) =>
  engineStory(engine, story, {
    PLIMSOLL_URL: url,
    PLIMSOLL_TIMEOUT_S: "10",
    PLIMSOLL_REFRESH_STEPS: "8",
    ...more,
  });

/** Σ over layers of the mean over GPUs, by that of the largest, of what all ranks sent. */
function balancedness(ranks: RankSeen[]): number {
  let [mean, most] = [0, 0];
  for (const layer of ranks[0].map.keys()) {
    const gpus = Array<number>(RANKS).fill(0);
    for (const { counts } of ranks)
      for (const [slot, tokens] of counts[layer].entries())
        gpus[Math.floor((slot * RANKS) / SLOTS)] += tokens;
    mean += gpus.reduce((sum, tokens) => sum + tokens) / RANKS;
    most += Math.max(...gpus);
  }
  return mean / most;
}

/** That all ranks have one map of all experts, and that tables list nothing but the slots of their expert. */
function expectSound(ranks: RankSeen[], entries?: number): void {
  for (const { map, table } of ranks) {
    expect(map).toEqual(ranks[0].map);
    for (const [layer, row] of table.entries())
      for (const [expert, slots] of row.entries()) {
        expect(new Set(slots.map((slot) => map[layer][slot]))).toEqual(new Set([expert]));
        if (entries !== undefined) expect(slots).toHaveLength(entries);
      }
  }
}

/** That the tables are as the engine makes them: every slot once. */
function expectOwnTables(ranks: RankSeen[]): void {
  for (const { table } of ranks)
    for (const row of table) expect(row.flat().toSorted((a, b) => a - b)).toEqual([...Array(SLOTS).keys()]);
}

async function answering(body: string, status = 200, endless = false): Promise<string> {
  return listening((_, answer) => {
    answer.writeHead(status, { "content-type": "application/json" });
    if (endless) answer.write(body);
    else answer.end(body);
  });
}

type Answer = Parameters<Parameters<typeof createServer>[1] & object>[1];

/** A server in the gateway's place, which is given the bodies. */
async function listening(
  answered: (asked: { url: string; body: Record<string, unknown> }, answer: Answer) => void,
): Promise<string> {
  hostile = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const body = JSON.parse(Buffer.concat(parts).toString()) as Record<string, unknown>;
      answered({ url: request.url ?? "", body }, response);
    });
  });
  await new Promise<void>((resolve) => hostile?.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(hostile.address() as AddressInfo).port}`;
}

/** Passes questions on to the gateway, but answers those that `refuses` with 400. */
async function before(
  asked: { url: string; body: Record<string, unknown> }[],
  refuses: (body: Record<string, unknown>) => string | null,
): Promise<string> {
  return listening((question, answer) => {
    asked.push(question);
    const why = refuses(question.body);
    if (why !== null) {
      answer.writeHead(400).end(JSON.stringify({ error: { message: why } }));
      return;
    }
    if (question.url === "/ep/v1/load") {
      answer.writeHead(202).end("{}");
      return;
    }
    const body = JSON.stringify(question.body);
    const headers = { "content-type": "application/json" };
    void fetch(`${gateway.url}${question.url}`, { method: "POST", body, headers }).then(async (passed) =>
      answer.writeHead(passed.status).end(await passed.text()),
    );
  });
}

describe.each(["vllm", "sglang"] as const)("the plug-in for %s", (engine) => {
  const entries = engine === "vllm" ? 64 : SLOTS;

  test("carries shares in the engine's tables: at rebalances, between them, and when the gateway is back", async () => {
    const dead = { PLIMSOLL_URL: await deadUrl() };
    const { seen, said } = await told(
      engine,
      {
        orders: [
          { load: LEFT, steps: 4 },
          { load: LEFT, rebalance: true },
          { load: RIGHT },
          { load: RIGHT, rounds: 3 },
          { load: RIGHT, rounds: 3, environment: dead },
          { load: RIGHT, rebalance: true },
          { load: RIGHT, rounds: 3, environment: { PLIMSOLL_URL: gateway.url } },
        ],
      },
      gateway.url,
    );
    const [start, rebalanced, moved, refreshed, alone, own, back] = seen;
    expectOwnTables(start);
    expect(start[0].map).toEqual([START, START]);
    for (const ranks of [rebalanced, refreshed, back]) expectSound(ranks, entries);
    expect(balancedness(start)).toBeLessThan(0.9);
    expect(balancedness(rebalanced)).toBeGreaterThan(0.95);
    expect(moved[0].table).toEqual(rebalanced[0].table);
    expect(balancedness(moved)).toBeLessThan(0.9);
    // Shares alone: no expert has moved.
    expect(refreshed[0].map).toEqual(rebalanced[0].map);
    expect(balancedness(refreshed)).toBeGreaterThan(0.95);
    expect(alone).toEqual(refreshed);
    expect(own[0].map).toEqual([OWN, OWN]);
    expectOwnTables(own);
    expect(back[0].map).toEqual(own[0].map);
    expect(balancedness(back)).toBeGreaterThanOrEqual(balancedness(own));
    expect(said.match(/plimsoll: .*/g)).toEqual([
      expect.stringContaining("the tables stay as they are: URLError"),
      expect.stringContaining("the engine places experts itself: URLError"),
    ]);
  });

  test("gives every rank its own table, and all the same where all route the same tokens", async () => {
    const orders = [{ load: LEFT, rounds: 1 }];
    const [apart, same] = await Promise.all(
      [false, true].map((alike) => told(engine, { pool: { same: alike }, orders }, gateway.url)),
    );
    expectSound(apart.seen[0], entries);
    // Of experts 0 to 3 there are replicas on the last rank: its node needs none of the first rank's, whose does.
    const listsFirst = apart.seen[0].map(({ table }) =>
      table[0]
        .slice(0, 4)
        .flat()
        .some((slot) => slot < 4),
    );
    expect([listsFirst[0] || listsFirst[1], listsFirst[2], listsFirst[3]]).toEqual([true, false, false]);
    expectSound(same.seen[0], entries);
    for (const { table } of same.seen[0]) expect(table).toEqual(same.seen[0][0].table);
    expect(balancedness(same.seen[0])).toBeGreaterThan(0.95);
    expect([apart.said, same.said]).toEqual(["", ""]);
  });

  test("leaves the tables alone where it is told to, and has experts placed for an even split", async () => {
    const asked: { url: string; body: Record<string, unknown> }[] = [];
    const url = await before(asked, () => null);
    const orders = [
      { load: HOT, steps: 8 },
      { load: HOT, rebalance: true },
    ];
    const { seen } = await told(engine, { pool: { window: 10_000 }, orders }, url, { PLIMSOLL_ENTRIES: "0" });
    expectOwnTables(seen[1]);
    expect(seen[1][0].map).not.toEqual(OWN);
    expect(asked.map(({ body }) => [body["dispatch"], body["entries"]])).toEqual([["even", undefined]]);
  });

  test("asks a gateway that knows no dispatch without it, and says so once", async () => {
    const asked: { url: string; body: Record<string, unknown> }[] = [];
    const url = await before(asked, (body) =>
      "dispatch" in body ? "dispatch is unknown; expected load, topology" : null,
    );
    const orders = [
      { load: HOT, steps: 1 },
      { load: HOT, rebalance: true },
      { load: HOT, rounds: 2 },
    ];
    const { seen, said } = await told(engine, { orders }, url);
    expect(seen[1][0].map).not.toEqual([OWN, OWN]);
    expectOwnTables(seen[2]);
    expect(said.match(/knows no dispatch of engines/g)).toHaveLength(1);
    expect(asked.length).toBeGreaterThanOrEqual(4);
  });

  test("reports the pool's counts, and how every rank dispatches", async () => {
    const asked: { url: string; body: Record<string, unknown> }[] = [];
    const url = await before(asked, () => null);
    const orders = [
      { load: LEFT, rounds: 1 },
      { load: LEFT, rounds: 1 },
    ];
    const { said } = await told(engine, { orders }, url, { PLIMSOLL_POOL: "chat" });
    expect(said).toBe("");
    const reports = asked.filter(({ url: route }) => route === "/ep/v1/load").map(({ body }) => body);
    const [first] = reports;
    expect(first).toMatchObject({ pool: "chat", engine: { step: 8, rebalances: 0, dispatch: "even" } });
    expect(first["logical_count"]).toEqual(LEFT.map((row) => row.map((tokens) => 8 * RANKS * tokens)));
    const last = reports.at(-1)?.["engine"] as {
      name: string;
      rebalanceEvery: number;
      dispatch: string;
      balancedness: number;
      ranks: { map: string; table: string; expected: string }[];
    };
    expect(last.name).toMatch(/^(vllm 0\.32\.0|sglang 0\.5\.23)$/);
    expect([last.dispatch, last.rebalanceEvery]).toEqual(["shares", 10_000]);
    expect(last.ranks).toHaveLength(RANKS);
    for (const { map, table, expected } of last.ranks) {
      expect(map).toBe(last.ranks[0].map);
      expect(table).toBe(expected);
    }
  });

  test("reports without the engine's state to a gateway that does not take it", async () => {
    const asked: { url: string; body: Record<string, unknown> }[] = [];
    const url = await before(asked, (body) => ("engine" in body ? "engine is unknown" : null));
    const orders = [{ load: LEFT, rounds: 1 }];
    const { said } = await told(engine, { orders }, url, { PLIMSOLL_POOL: "chat" });
    expect(said.match(/takes loads, and not what their engine does/g)).toHaveLength(1);
    expect(
      asked.filter(({ url: route, body }) => route === "/ep/v1/load" && !("engine" in body)),
    ).toHaveLength(1);
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
  [
    "vllm",
    "its tables are of another pool",
    async () =>
      answering(
        JSON.stringify({
          physical_to_logical_map: [START, START],
          dispatch_tables: { entries: 64, counts: "AAAA" },
        }),
      ),
  ],
  ["sglang", "the answer never ends", async () => answering("{", 200, true)],
] as const)("the plug-in for %s leaves it to the engine, on every rank, when %s", async (engine, _, url) => {
  const orders = [
    { load: HOT, steps: 2 },
    { load: HOT, rebalance: true },
  ];
  const { seen, said } = await told(engine, { orders }, await url(), { PLIMSOLL_TIMEOUT_S: "0.3" });
  expect(seen[1]).toHaveLength(RANKS);
  for (const { map } of seen[1]) expect(map[0]).toEqual(OWN);
  expectOwnTables(seen[1]);
  expect(said.match(/plimsoll: the engine places experts itself/g)).toHaveLength(1);
});

test("entries that do not sum up leave vLLM's tables, which still list every slot of the new placement", async () => {
  const counts = Buffer.alloc(RANKS * 2 * SLOTS, 1).toString("base64");
  const url = await answering(
    JSON.stringify({ physical_to_logical_map: [OWN, OWN], dispatch_tables: { entries: 64, counts } }),
  );
  const { seen, said } = await told(
    "vllm",
    {
      orders: [
        { load: HOT, steps: 2 },
        { load: HOT, rebalance: true },
      ],
    },
    url,
  );
  expect(seen[1][0].map).toEqual([OWN, OWN]);
  expectOwnTables(seen[1]);
  expect(said).toContain("the tables stay the engine's own: ValueError");
});

test("where a rank's round fails, rounds end on every rank, and the engine goes on", async () => {
  const orders = [
    { load: LEFT, steps: 80, pause: 0.005 },
    { load: LEFT, rebalance: true, steps: 8 },
  ];
  const { seen, said } = await told("vllm", { broken: 2, orders }, gateway.url);
  expectOwnTables(seen[0]);
  expectSound(seen[1], 64);
  expect(said.match(/no more share refreshes and reports from this engine: .*/g)?.toSorted()).toEqual([
    expect.stringContaining("TypeError"),
    expect.stringContaining("another rank's round has failed"),
  ]);
});

test("with vLLM's asynchronous EPLB tables follow layer by layer", async () => {
  const orders = [
    { load: LEFT, steps: 4 },
    { load: LEFT, rebalance: true },
  ];
  const [thread, loop] = await Promise.all(
    [true, false].map((asynchronous) => told("vllm", { pool: { asynchronous }, orders }, gateway.url)),
  );
  expect(thread.seen[1]).toEqual(loop.seen[1]);
  expectSound(thread.seen[1], 64);
});

test("a draft model's tables are its own beside the main model's, whose loads alone are reported", async () => {
  const asked: { url: string; body: Record<string, unknown> }[] = [];
  const url = await before(asked, () => null);
  const orders = [{ load: LEFT, rounds: 1 }];
  const { seen, said } = await told("vllm", { models: ["small (draft)", "main"], orders }, url, {
    PLIMSOLL_POOL: "chat",
  });
  expectSound(seen[0], 64);
  expect(asked.filter(({ url: route }) => route === "/ep/v1/load")).toHaveLength(1);
  expect(said).toBe("");
});

test("vLLM starts with the placement of a file, and with its shares; a file of another pool it says and ignores", async () => {
  const file = join(mkdtempSync(join(tmpdir(), "plimsoll-start-")), "placement.json");
  const shares = OWN.map((expert, slot) => (expert > 11 ? (slot < EXPERTS ? 0.75 : 0.25) : 1));
  writeFileSync(file, JSON.stringify({ physical_to_logical_map: [OWN, OWN], shares: [shares, shares] }));
  const orders = [{ load: HOT }];
  const started = await told("vllm", { orders }, gateway.url, { PLIMSOLL_PLACEMENT: file });
  expect(started.said).toBe("");
  expect(started.seen[0][2].map).toEqual([OWN, OWN]);
  expectSound(started.seen[0], 64);
  expect(started.seen[0][0].table[0][15].filter((slot) => slot < EXPERTS)).toHaveLength(48);
  const other = await told("vllm", { pool: { slots: 24 }, orders }, gateway.url, {
    PLIMSOLL_PLACEMENT: file,
  });
  expect(other.said).toMatch(
    /starts where the engine puts its experts: .*2 layers of 20 slots; expected 2 of 24/,
  );
});

test.each([
  ["static", "static", /static dispatch has one slot per rank and expert/],
  ["lp", "shares", /lp dispatch shares every batch out by itself/],
])("SGLang's %s dispatch keeps its tables, and has experts placed for it", async (dispatch, asks, says) => {
  const asked: { url: string; body: Record<string, unknown> }[] = [];
  const url = await before(asked, () => null);
  const orders = [
    { load: HOT, steps: 8 },
    { load: HOT, rebalance: true },
  ];
  const { seen, said } = await told("sglang", { dispatch, orders }, url);
  expectOwnTables(seen[1]);
  expect(asked.map(({ body }) => [body["dispatch"], body["entries"]])).toEqual([[asks, undefined]]);
  expect(said.match(/plimsoll:/g)).toHaveLength(1);
  expect(said).toMatch(says);
});

test("tables are those of the format dispatch-table", async () => {
  const golden = JSON.parse(
    readFileSync(new URL("../golden/dispatch-table.json", import.meta.url), "utf8"),
  ) as { cases: { table: unknown }[] };
  const { out } = await python(["golden_tables.py"], golden);
  expect(JSON.parse(out)).toEqual(golden.cases.map(({ table }) => table));
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
