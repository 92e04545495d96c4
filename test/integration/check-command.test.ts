import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { startOtlpServer } from "../../harness/fakes/otlp-server.ts";
import { type AnswerAt, serverAt } from "../../harness/fakes/server-at.ts";
import { rawServer } from "../../harness/fakes/raw-server.ts";
import { runCli, startCliWith, cliResult } from "../run-cli.ts";
import { program } from "../../src/cli/program.ts";
import { resultHere } from "../run-here.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";

let folder: ScratchFolder;
beforeAll(async () => {
  folder = await scratchFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

function write(url: string): Promise<string> {
  return folder.write(
    "gateway.yaml",
    `pools: [{ name: chat, kind: openai, models: [small], urls: ["${url}"] }]`,
  );
}

/** The table's rows, which is to say its lines. */
async function rows(url: string): Promise<string[]> {
  const { stdout } = await resultHere("check", "--config", await write(url));
  return stdout.split("\n").filter((line) => line.startsWith("│"));
}

/** A server whose every answer is this. */
function answering(status: number, body: string, headers: Record<string, string> = {}) {
  const response = [
    `HTTP/1.1 ${status} X`,
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ];
  for (const [name, value] of Object.entries(headers)) response.push(`${name}: ${value}`);
  return rawServer((socket) => socket.end(`${response.join("\r\n")}\r\n\r\n${body}`));
}

test.each([
  [401, "", /answered GET \/v1\/models with 401\. It wants a key: name the variable .* `apiKeyEnv`/],
  [404, "", /answered GET \/v1\/models with 404\. Is the URL the server's own/],
  [307, "", /with 307\. It sends elsewhere/],
  [503, "", /with 503\. See its own log\./],
  [200, "<html>", /answered GET \/v1\/models with something else than a list of models\./],
  [
    200,
    '{"data":[{"id":"smal"}]}',
    /does not list small; it lists smal: did you mean `smal` in the pool's `models`\?/,
  ],
  [200, '{"data":[]}', /does not list small; it lists nothing: correct the pool's `models`/],
  [200, '{"data":[{"id":"a\\u001b[31m\\nb│\\u202e"}]}', /it lists a\\u001b\[31m b│\\u202e: correct/],
])("of an answer with %i %s check says what came, and what to change", async (status, body, message) => {
  await using server = await answering(status, body);
  const found = await rows(server.url);
  expect(found).toHaveLength(3);
  expect(found[1]).toMatch(message);
  expect(found[1]).toContain(`chat/${server.url}`);
});

test("of a server that is no HTTP server, and of a name that nobody has", async () => {
  await using server = await rawServer((socket) => socket.end("SSH-2.0-x\r\n"));
  expect((await rows(server.url))[1]).toMatch(/FAIL .* what it answered is no HTTP: correct the port/);
  const nobody = await rows("http://nobody.invalid:1");
  expect(nobody.join("\n")).toMatch(/│ FAIL │ addresses +│ nobody\.invalid cannot be looked up \(\w+\)/);
  expect(nobody.join("\n")).toMatch(/FAIL .*GET \/(health|v1\/models) \(\w+\): its name/);
});

test("what is taken otherwise than written is a warning, not a failure", async () => {
  const answer: AnswerAt = (_, response) => void response.writeHead(404).end();
  await using server = await serverAt("127.0.0.1", 0, answer);
  vi.stubEnv("PLIMSOLL_HTTP_PROT", "1");
  const found = await rows(`http://127.0.0.1:${server.port}/v1/`);
  vi.unstubAllEnvs();
  expect(found.map((line) => line.split(" ")[1])).toEqual(["", "WARN", "WARN", "WARN", "ok"]);
  expect(found[1]).toContain(
    "PLIMSOLL_HTTP_PROT: is no setting and changes nothing; did you mean PLIMSOLL_HTTP_PORT?",
  );
  expect(found[2]).toContain("is taken without the /v1 at its end");
  expect(found[3]).toContain("serves small");
});

test.each(["serve", "check"])("%s wants a configuration, and one that names pools", async (command) => {
  const without = {
    code: 2,
    stdout: "",
    stderr: "--config: is missing; name a configuration file, or run `demo` for a simulated pool\n",
  };
  expect(await runCli(command)).toEqual(without);
  const path = await folder.write("bare.yaml", "http: { port: 0 }\n");
  const { code, stderr } = await runCli(command, "--config", path);
  expect([code, stderr]).toEqual([
    2,
    expect.stringMatching(/^.*bare\.yaml:1:1: pools is missing; expected the pools to serve, .*\n$/),
  ]);
});

test("several problems are a line each", async () => {
  const path = await folder.write("bad.yaml", "http: { prot: 1, port: x }\npools: {}\n");
  const { code, stderr } = await runCli("serve", "--config", path);
  expect(code).toBe(2);
  expect(stderr.replaceAll(path, "F")).toBe(
    "F:1:9: http has no setting `prot`; did you mean `port`?\n" +
      'F:1:18: http.port is "x"; expected a number\n' +
      'F:2:1: pools is a mapping; expected a list: begin each of its items with "- ", as in `- name: …`\n',
  );
});

test("serve warns of variables that are no settings", async () => {
  await using server = await serverAt("127.0.0.1", 0);
  const path = await write(`http://127.0.0.1:${server.port}`);
  const child = startCliWith({ PLIMSOLL_HTTP_PORT: "0", PLIMSOLL_HTTP_HOTS: "x" }, "serve", "--config", path);
  child.stdout.once("data", () => child.kill("SIGTERM"));
  const { code, stderr } = await cliResult(child);
  expect(code).toBe(0);
  expect(stderr).toContain(
    "PLIMSOLL_HTTP_HOTS: is no setting and changes nothing; did you mean PLIMSOLL_HTTP_HOST?\n",
  );
});

test("a simulated pool is what its model and GPUs are, and fails where these can serve nothing", async () => {
  const pool = (model: string, topology: string, more = "") =>
    `{ name: ${model}, kind: simulated, model: ${model}, topology: ${topology}, seed: 1${more} }`;
  const path = await folder.write(
    "simulated.yaml",
    `pools: [${pool("mixtral-8x7b", "1x8x2", ", gpu: b300, precision: fp8")}, ${pool("deepseek-v3", "1x8")}]`,
  );
  const { code, stdout } = await resultHere("check", "--config", path, "--json");
  expect(code).toBe(1);
  const said = JSON.parse(stdout);
  const [mixtral, v3] = said.findings;
  expect(mixtral.reachable).toBe(true);
  expect(mixtral.finding).toContain("mixtral-8x7b on 1 node × 8 GPUs, 2 of 16 expert slots on each for 8");
  expect(mixtral.finding).toContain("tokens (B300)");
  expect(v3).toMatchObject({ pool: "deepseek-v3", reachable: false });
  expect(v3.finding).toMatch(/^cannot serve deepseek-v3: .*; give at least 14 GPUs$/);

  const root = await program("serve");
  const refused = root.parseAsync(["serve", "--config", path], { from: "user" });
  await expect(refused).rejects.toThrow(
    "pool deepseek-v3: topology cannot serve deepseek-v3: a GPU's weights",
  );
});

test("the folder for traces is looked at, and nothing is made", async () => {
  await using server = await answering(200, '{"data":[{"id":"small"}]}');
  const checked = async (directory: string) => {
    const pools = `pools: [{ name: chat, kind: openai, models: [small], urls: ["${server.url}"] }]`;
    const path = await folder.write("capture.yaml", `capture: { directory: ${directory} }\n${pools}`);
    const { stdout } = await resultHere("check", "--config", path, "--json");
    const { findings } = JSON.parse(stdout) as {
      findings: { what: string; reachable: boolean; finding: string }[];
    };
    return findings.find(({ what }) => what === "capture");
  };
  expect(await checked("traces")).toMatchObject({
    reachable: true,
    finding: `requests are recorded in ${folder.path("traces")}`,
  });
  expect(await folder.names()).not.toContain("traces");
  expect(await checked("no/traces")).toMatchObject({
    reachable: false,
    finding: expect.stringContaining("(ENOENT)") as string,
  });
  expect(await checked("capture.yaml")).toMatchObject({
    reachable: false,
    finding: expect.stringContaining("is no folder") as string,
  });
});

test("check sends the collector of spans a request without any, and the gateway does without it", async () => {
  await using engine = await answering(200, '{"data":[{"id":"small"}]}');
  const collector = await startOtlpServer();
  const settings = `telemetry: { endpoint: "${collector.url}" }`;
  const path = await folder.write(
    "telemetry.yaml",
    `${settings}\npools: [{ name: chat, kind: openai, models: [small], urls: ["${engine.url}"] }]`,
  );
  const checked = async () => {
    const { stdout } = await resultHere("check", "--config", path, "--json");
    const { ok, findings } = JSON.parse(stdout) as { ok: boolean; findings: { what: string }[] };
    return [ok, findings.find(({ what }) => what === "telemetry")];
  };
  const finding = `spans go to ${collector.url}/v1/traces`;
  expect(await checked()).toEqual([true, expect.objectContaining({ finding, warning: null })]);
  expect(collector.requests.map(({ body }) => body.length)).toEqual([0]);
  collector.answerWith(401);
  const warning = "they would be lost: it answers 401";
  expect(await checked()).toEqual([true, expect.objectContaining({ finding, warning })]);
  await collector.close();
});

test("the endpoint picker's address is tried, and said with the pools that it picks for", async () => {
  await using server = await serverAt("127.0.0.1", 0);
  const rowOf = async (host: string) => {
    const pools = `pools: [{ name: chat, kind: openai, models: [small], urls: ["http://127.0.0.1:${server.port}"] }]`;
    // Where nobody had to show a key, it would listen on loopback whatever it says.
    const access = `access: { keys: { a: { hash: "sha256:${"0".repeat(64)}" } } }`;
    const path = await folder.write("picker.yaml", `picker: { host: ${host}, port: 0 }\n${access}\n${pools}`);
    const { stdout } = await resultHere("check", "--config", path);
    return stdout.split("\n").find((line) => line.includes(" picker "));
  };
  expect(await rowOf("127.0.0.1")).toMatch(/ok .*127\.0\.0\.1:0, for chat/);
  expect(await rowOf("192.0.2.1")).toMatch(/FAIL .*192\.0\.2\.1:0 cannot be had \(EADDRNOTAVAIL\)/);
});
