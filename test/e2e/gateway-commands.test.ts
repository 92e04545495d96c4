import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cliResult, runCli, startCli } from "../run-cli.ts";
import { resultHere } from "../run-here.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import {
  type FakeServer,
  deadUrl,
  startFake,
  startOpenAiServer,
} from "../../harness/fakes/start-openai-server.ts";

let fake: FakeServer;
let dead: string;
let folder: ScratchFolder;
beforeAll(async () => {
  fake = await startOpenAiServer();
  dead = await deadUrl();
  folder = await scratchFolder();
});
afterAll(async () => {
  await fake.kill();
  await folder[Symbol.asyncDispose]();
});

function pool(model: string, ...urls: string[]): string {
  return `pools: [{ name: chat, kind: openai, models: [${model}], urls: [${urls.join(", ")}] }]`;
}

/** What the gateway says of the fake as it starts. */
function loadless(): string {
  const lack = "an OpenAI-compatible server of no known kind reports no load";
  return `pool chat: ${fake.url} reports no load (${lack}); routed by what is in flight here\n`;
}

async function served(path: string) {
  const child = startCli("serve", "--config", path, "--json");
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return { child, url: (JSON.parse(line.toString()) as { url: string }).url };
}

test.each(["SIGTERM", "SIGINT"] as const)(
  "serve answers until %s, lets a stream finish and exits 0",
  async (signal) => {
    const path = await folder.write(`${signal}.yaml`, `http: { port: 0 }\n${pool("small", fake.url)}`);
    const { child, url } = await served(path);
    const body = JSON.stringify({ model: "small", stream: true, max_tokens: 100 });
    const stream = await fetch(`${url}/v1/chat/completions`, { method: "POST", body });
    const over = cliResult(child);
    child.kill(signal);
    expect((await stream.text()).endsWith("data: [DONE]\n\n")).toBe(true);
    const { code, stderr } = await over;
    expect([code, stderr]).toEqual([0, `${loadless()}stopping: what is in flight has 10 s to finish\n`]);
  },
);

test("serve on a busy port exits 2 with one line", async () => {
  const port = new URL(fake.url).port;
  const path = await folder.write("busy.yaml", `http: { port: ${port} }\n${pool("small", fake.url)}`);
  expect(await runCli("serve", "--config", path)).toEqual({
    code: 2,
    stdout: "",
    stderr: `${loadless()}configuration: http.port is ${port}, which is in use; choose a free one, or 0 for any\n`,
  });
});

test("a bad configuration exits 2 with one line", async () => {
  const path = await folder.write("bad.yaml", `http: { port: eighty }\n${pool("small", fake.url)}`);
  expect(await runCli("serve", "--config", path)).toEqual({
    code: 2,
    stdout: "",
    stderr: `${path}:1:9: http.port is "eighty"; expected a number\n`,
  });
});

test("check says what is within reach, and exits 1 when something is not", async () => {
  const good = await runCli(
    "check",
    "--json",
    "--config",
    await folder.write("good.yaml", pool("small", fake.url)),
  );
  expect(good.code).toBe(0);
  expect(JSON.parse(good.stdout)).toEqual({
    ok: true,
    findings: [
      {
        pool: "chat",
        what: `chat/${fake.url}`,
        reachable: true,
        warning: expect.stringMatching(
          /^reports no load: .*; will be routed by what is in flight$/,
        ) as string,
        finding: "serves small",
      },
      {
        pool: "",
        what: "store",
        reachable: true,
        warning: null,
        finding: "in memory, in the gateway's process",
      },
    ],
  });

  const path = await folder.write("half.yaml", pool("small, large", fake.url, dead));
  const half = await resultHere("check", "--config", path);
  expect(half.code).toBe(1);
  expect(half.stdout).toContain(
    `FAIL │ chat/${fake.url} │ does not list large; it lists small, hidden: correct the pool's`,
  );
  expect(half.stdout).toContain(
    `FAIL │ chat/${dead} │ ${dead} gave no answer to GET /v1/models (ECONNREFUSED): nothing listens there`,
  );
});

test("check asks every rank of an engine", async () => {
  const sglang = await startFake("sglang");
  await sglang.set({
    ranks: [
      { running: 3, waiting: 2, kvUse: 0.25 },
      { running: 0, waiting: 0, kvUse: 0 },
    ],
  });
  const path = await folder.write(
    "ranks.yaml",
    `pools: [{ name: chat, kind: sglang, models: [small], urls: [${sglang.url}], dataParallelSize: 2 }]`,
  );
  const well = await resultHere("check", "--config", path);
  expect(well.code).toBe(0);
  expect(well.stdout).toContain(
    `ok │ chat/${sglang.url}@0 │ serves small; 3 running, 2 waiting, 25 % of its cache in use`,
  );
  expect(well.stdout).toContain(`ok │ chat/${sglang.url}@1 │ serves small; 0 running, 0 waiting`);

  await sglang.set({ health: 503 });
  const ill = await resultHere("check", "--config", path);
  expect(ill.code).toBe(1);
  expect(ill.stdout).toContain(`FAIL │ chat/${sglang.url}@1 │ is not ready: GET /health answered 503`);
  await sglang.kill();
});

test("check --schema prints the JSON Schema of a configuration", async () => {
  const { code, stdout } = await resultHere("check", "--schema");
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    $schema: "https://json-schema.org/draft/2020-12/schema",
    properties: { workers: { default: 1 } },
  });
});
