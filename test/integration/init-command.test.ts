import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { type ServerAt, serverAt } from "../../harness/fakes/server-at.ts";
import { startGateway } from "../../harness/fakes/start-gateway.ts";
import { askFirstConfig } from "../../src/cli/init-questions.ts";
import { firstConfig } from "../../src/config/first-config.ts";
import { resultHere } from "../run-here.ts";

let folder: ScratchFolder;
let server: ServerAt;
let url: string;
beforeAll(async () => {
  folder = await scratchFolder();
  server = await serverAt("127.0.0.1", 0);
  url = `http://127.0.0.1:${server.port}`;
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const NOTHING = { kind: null, urls: null, models: null };

/** Answers as a person would, and keeps what was asked. */
function person(...answers: readonly string[]) {
  const asked: string[] = [];
  const ask = async (text: string) => answers[asked.push(text) - 1] ?? "";
  return { asked, ask };
}

test("what options say is written, and check and the gateway take it", async () => {
  const out = folder.path("gateway.yaml");
  const options = ["--engine", "openai", "--url", url, "--model", "small", "--out", out];
  const { code, stdout, stderr } = await resultHere("init", ...options, "--json");
  expect([code, stderr]).toEqual([0, ""]);
  expect(JSON.parse(stdout)).toEqual({
    out,
    config: {
      http: { port: 8080 },
      pools: [{ name: "chat", kind: "openai", models: ["small"], urls: [url] }],
    },
    next: [`plimsoll check --config ${out}`, `plimsoll serve --config ${out}`],
  });
  expect((await resultHere("check", "--config", out)).code).toBe(0);
  const text = await readFile(out, "utf8");
  const gateway = await startGateway(text);
  const answer = await fetch(`${gateway.url}/v1/completions`, { method: "POST", body: '{"model":"small"}' });
  await gateway.stop();
  expect([answer.status, answer.headers.get("x-plimsoll-shard")]).toEqual([200, `chat/${url}`]);

  const schema = /\$schema=(\S+)/.exec(text)?.[1] ?? "";
  expect(JSON.parse(await readFile(schema, "utf8"))).toMatchObject({ title: "Plimsoll's configuration" });
  expect(await resultHere("init", ...options)).toMatchObject({
    code: 2,
    stderr: `${out}: is there already; name another file with --out, or remove it\n`,
  });
});

test.each([
  [
    ["--engine", "vllm", "--url", "http://a"],
    "--model: is missing, and without a terminal nobody can be asked",
  ],
  [[], "--engine, --url, --model: are missing, and without a terminal nobody can be asked"],
  [["--engine", "tgi"], "Give one of vllm, sglang, trtllm, openai."],
  [["--out", "gateway.json"], "--out: is gateway.json; expected a file that ends in .yaml"],
  [
    ["--engine", "vllm", "--url", "ftp://a", "--model", "m"],
    '--url: pools[0].urls[0] is "ftp://a"; expected a URL like http://10.0.0.1:8000',
  ],
  [
    ["--engine", "trtllm", "--url", "http://a", "--model", "m", "--data-parallel-size", "2"],
    "--data-parallel-size: pools[0] has no setting `dataParallelSize`",
  ],
])("init %j is refused in one line, and writes nothing", async (options, line) => {
  const before = await folder.names();
  const { code, stderr } = await resultHere("init", "--out", folder.path("other.yaml"), ...options);
  expect([code, stderr.split("\n").length]).toEqual([2, 2]);
  expect(stderr).toContain(line);
  expect(await folder.names()).toEqual(before);
});

test("three questions, with what the first server lists for an answer", async () => {
  const { asked, ask } = person("", `${url}, http://127.0.0.1:1`, "");
  const answers = await askFirstConfig(NOTHING, { ask });
  expect(answers).toEqual({ kind: "vllm", urls: [url, "http://127.0.0.1:1"], models: ["small"] });
  expect(asked).toEqual([
    "What do your servers run (vllm, sglang, trtllm, openai) [vllm]: ",
    "Their URLs, with blanks between [http://127.0.0.1:8000]: ",
    "The model, by the name that clients ask for [small]: ",
  ]);
  const { text } = await firstConfig({ ...answers, dataParallelSize: 2, port: 8081 });
  expect(parse(text)).toMatchObject({ http: { port: 8081 }, pools: [{ kind: "vllm", dataParallelSize: 2 }] });
});

test("what no engine is, and no model, is asked again; what options say is not asked", async () => {
  const { asked, ask } = person("tgi", "sglang", "", "m");
  const given = { ...NOTHING, urls: ["http://127.0.0.1:1"] };
  expect(await askFirstConfig(given, { ask })).toMatchObject({ kind: "sglang", models: ["m"] });
  expect(asked).toHaveLength(4);
});
