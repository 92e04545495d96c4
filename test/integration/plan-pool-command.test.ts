import { type Server, createServer } from "node:http";
import { readFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RunningGateway, startGateway } from "../../harness/fakes/start-gateway.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { smallGroup } from "../../harness/small-group.ts";
import { patiently } from "../patiently.ts";
import { resultHere } from "../run-here.ts";

const KEY = "key-of-operators";
const SETTINGS = `
http: { operatorKeyEnv: OPERATOR_KEY }
health: { probe: { intervalMs: 100 } }
control: { sharesMs: 1000, placementMs: 5000 }`;
/** The machine has other things to do. */
const PAUSE_MS = 100;
/** More than come while it is watched. */
const MOST_REQUESTS = 80;
const PROMPT = Array.from({ length: 200 }, () => "word").join(" ");

let folder: ScratchFolder;
let gateway: RunningGateway;
let asked: readonly string[];

beforeAll(async () => {
  folder = await scratchFolder();
  const group = await smallGroup(folder);
  const simulated = group.replace("{", "{ name: demo, kind: simulated, policy: least-load, seed: 1,");
  const real = "{ name: real, kind: vllm, models: [other], urls: [http://127.0.0.1:9, http://127.0.0.1:10] }";
  gateway = await startGateway(`${SETTINGS}\npools: [${simulated}, ${real}]`, { OPERATOR_KEY: KEY });
  process.env["PLAN_POOL_KEY"] = KEY;
  const target = ["--ttft-p95", "2000", "--itl-p95", "500", "--key-env", "PLAN_POOL_KEY"];
  asked = ["plan", "--pool", `${gateway.url}#demo`, "--model", folder.path("small-model.yaml"), ...target];
});
afterAll(async () => {
  delete process.env["PLAN_POOL_KEY"];
  await gateway?.stop();
  await folder[Symbol.asyncDispose]();
});

/** Keeps some streams coming while a command runs. */
async function underTraffic(command: () => ReturnType<typeof resultHere>): ReturnType<typeof resultHere> {
  const stop = new AbortController();
  let answered = 0;
  const one = async () => {
    while (!stop.signal.aborted && answered < MOST_REQUESTS) {
      const response = await fetch(`${gateway.url}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({
          model: "small",
          messages: [{ role: "user", content: PROMPT }],
          max_tokens: 12,
          stream: true,
          stream_options: { include_usage: true },
        }),
      });
      await response.text();
      await sleep(PAUSE_MS);
      if (response.ok) answered++;
    }
  };
  const all = Promise.all(Array.from({ length: 3 }, one));
  try {
    await expect.poll(() => answered, patiently).toBeGreaterThan(3);
    return await command();
  } finally {
    stop.abort();
    await all;
  }
}

describe("a pool that runs", () => {
  test("is measured, modelled beside that, and told what it has room for", async () => {
    const out = folder.path("right-sizing");
    const { code, stdout, stderr } = await underTraffic(() =>
      resultHere(...asked, "--window", "1", "--out", out, "--json"),
    );
    expect(stderr).toContain("watching pool demo");
    const said = JSON.parse(stdout);
    const { pool, now, predicted, clock, room, placement } = said;
    expect(JSON.parse(await readFile(`${out}/right-sizing.json`, "utf8"))).toEqual(said);
    expect(code).toBe(0);
    expect(pool).toMatchObject({
      name: "demo",
      model: "small",
      gpu: "h800",
      gpus: 4,
      units: 1,
      redundantSlots: 2,
    });
    // As clients sent it: engines count words.
    expect(now.promptMean).toBe(200);
    expect(now.answerMean).toBe(12);
    expect(now.countedByEngine).toBe(1);
    expect(now.keepsTarget).toBe(true);
    expect(now.rate).toBeGreaterThan(1);
    expect(now.balancedness).toBeGreaterThan(0.3);
    // What is measured comes out of the model by its clock.
    const inside = (of: "p50" | "p95") => clock.steps * predicted.ttftMs[of];
    expect(inside("p95")).toBeGreaterThanOrEqual(inside("p50"));
    expect(room.factor).toBeGreaterThanOrEqual(1);
    if (room.beyond !== null) expect(room.beyond).toBeGreaterThan(room.factor);
    expect(room.from).toBeLessThanOrEqual(room.factor);
    expect(room.to).toBeGreaterThanOrEqual(room.factor);
    expect(placement.anew).toBeGreaterThanOrEqual(placement.shares - 0.05);
    const page = await readFile(`${out}/right-sizing.html`, "utf8");
    expect(page).toContain("Pool demo keeps its target");
  });

  test("that misses its target already: exit 1, and the answer all the same", async () => {
    const tight = ["--ttft-p95", "0.01", "--itl-p95", "0.01"];
    const { code, stdout } = await underTraffic(() => resultHere(...asked, ...tight, "--window", "0.6"));
    expect(code).toBe(1);
    expect(stdout).toContain("Pool demo misses its target now");
    expect(stdout).toContain("What to change, and what it is worth");
  });

  test("without traffic nothing is said", async () => {
    const { code, stdout, stderr } = await resultHere(...asked, "--window", "0.3");
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^watching .*\n(.*\n)*--pool: demo answered no request in 0\.3 s; ask again/);
  });
});

test("what cannot be asked: one line, exit 2", async () => {
  const url = gateway.url;
  const slo = ["--slo", "chat"];
  const key = ["--key-env", "PLAN_POOL_KEY"];
  const cases: readonly (readonly [readonly string[], string])[] = [
    [["--pool", "demo", ...slo], "--pool: is no URL; expected a gateway's URL"],
    [["--pool", "http://127.0.0.1:9", ...slo], "--pool: http://127.0.0.1:9 cannot be reached"],
    [["--pool", url, ...slo], "wants the key of operators"],
    [["--pool", url, ...slo, ...key], "several pools; add one to the URL: #demo, #real"],
    [["--pool", `${url}#none`, ...slo, ...key], 'has no pool "none"; expected #demo, #real'],
    [["--pool", `${url}#real`, ...slo, ...key], "its model (--model) and its type of GPU (--gpu)"],
    [
      ["--pool", `${url}#real`, ...slo, ...key, "--model", "gpt-oss-20b", "--gpu", "h100"],
      "--attention-tp: is missing",
    ],
    [["--pool", `${url}#demo`, ...key], "--ttft-p95: is missing"],
    [["--pool", `${url}#demo`, ...slo, ...key, "--rate", "3"], "--rate: has no effect beside --pool"],
    [
      ["--pool", `${url}#demo`, ...slo, "--key-env", "NO_SUCH_KEY"],
      "--key-env: names NO_SUCH_KEY, which is not set",
    ],
    [[...asked.slice(1), "--gpu", "h200"], "--gpu: is h200, but the pool is simulated on h800"],
    [[...asked.slice(1), "--ep", "2"], "--ep: has no effect on a simulated pool"],
    [
      ["--model", "gpt-oss-20b", "--gpu", "h100", "--rate", "1", ...slo, "--window", "3"],
      "--window: is of a running pool",
    ],
    [["--rate", "1", ...slo], "--model: is missing"],
  ];
  for (const [args, message] of cases) {
    const { code, stdout, stderr } = await resultHere("plan", ...args);
    expect.soft({ code, stdout }, args.join(" ")).toEqual({ code: 2, stdout: "" });
    expect.soft(stderr).toContain(message);
    expect.soft(stderr.trimEnd().split("\n")).toHaveLength(1);
  }
});

test("a gateway that goes away while it is watched: one line, exit 2", async () => {
  const state = await (
    await fetch(`${gateway.url}/admin/state`, { headers: { authorization: `Bearer ${KEY}` } })
  ).text();
  let questions = 0;
  const server: Server = createServer((request, response) => {
    if (request.url === "/metrics") response.end("");
    else if (questions++ < 2) response.end(state);
    else {
      request.socket.destroy();
      server.close();
    }
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  const at = asked.map((word) => word.replace(gateway.url, `http://127.0.0.1:${port}`));
  const { code, stderr } = await resultHere(...at, "--window", "60");
  server.close();
  expect(code).toBe(2);
  expect(stderr.trimEnd().split("\n").at(-1)).toMatch(
    /^--pool: http:\/\/127\.0\.0\.1:\d+ cannot be reached \(.+\)/,
  );
});
