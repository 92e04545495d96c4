import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { readFile, readdir } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type ListingServer, startListingServer } from "../../harness/fakes/listing-server.ts";
import { type RoutedServer, routedAnswer, startRoutedServer } from "../../harness/fakes/routed-server.ts";
import { type OtlpServer, startOtlpServer } from "../../harness/fakes/otlp-server.ts";
import { receivedSpans } from "../../harness/fakes/otlp-spans.ts";
import { type FakeServer, startOpenAiServer } from "../../harness/fakes/start-openai-server.ts";
import { patiently } from "../patiently.ts";
import { runHere } from "../run-here.ts";
import { type CliResult, cliResult, runCli, startCliWith } from "../run-cli.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { smallGroup } from "../../harness/small-group.ts";
import { SMALL_MODEL } from "../../harness/small-model.ts";

let fake: FakeServer;
let folder: ScratchFolder;
let chatPool: string;
let collector: OtlpServer;
/** One gateway with two workers: all tests are of it. */
let running: Running;
beforeAll(async () => {
  fake = await startOpenAiServer();
  collector = await startOtlpServer();
  folder = await scratchFolder();
  chatPool = `{ name: chat, kind: openai, models: [small], urls: [${fake.url}] }`;
  running = await serve("admission: { total: { maxInFlight: 4 }, queue: { maxWaiting: 0 } }");
});
afterAll(async () => {
  await stop(running);
  await fake.kill();
  await collector.close();
  await folder[Symbol.asyncDispose]();
});

interface Running {
  readonly child: ChildProcessWithoutNullStreams;
  readonly over: Promise<CliResult>;
  readonly url: string;
}

function configure(settings: string, pools = `[${chatPool}]`): Promise<string> {
  return folder.write("workers.yaml", `workers: 2\nhttp: { port: 0 }\n${settings}\npools: ${pools}`);
}

async function serve(settings: string): Promise<Running> {
  const path = await configure(settings);
  const tracing = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_EXPORTER_OTLP_PROTOCOL: "http/json" };
  const child = startCliWith(tracing, "serve", "--config", path, "--json");
  const over = cliResult(child);
  const early = over.then(({ stderr }) => Promise.reject(new Error(stderr)));
  const [line] = (await Promise.race([once(child.stdout, "data"), early])) as [Buffer];
  early.catch(() => {});
  return { child, over, url: (JSON.parse(line.toString()) as { url: string }).url };
}

/** Has it go on with other pools, of so many shards each. */
async function reload(settings: string, pools: string, shards: readonly number[]): Promise<void> {
  await configure(settings, pools);
  running.child.kill("SIGHUP");
  await vi.waitFor(async () => {
    expect((await state(running.url)).pools.map((pool) => pool.shards.length)).toEqual(shards);
  }, patiently);
}

async function stop({ child, over }: Running): Promise<void> {
  if (child.exitCode === null) child.kill("SIGTERM");
  await over;
}

/** A request on a connection of its own: the connections are dealt to the workers in turn. */
function ask(url: string, tokens: number, more: Record<string, unknown> = {}): Promise<Response> {
  const body = JSON.stringify({ model: "small", stream: true, max_tokens: tokens, ...more });
  return fetch(`${url}/v1/chat/completions`, { method: "POST", body, headers: { connection: "close" } });
}

interface Shard {
  readonly requests: number;
  readonly health: { readonly circuit: string };
}

interface State {
  readonly admission: { readonly inFlight: number };
  readonly pools: readonly { readonly shards: readonly Shard[] }[];
  readonly workers: readonly { readonly pid: number; readonly inFlight: number }[];
}

async function state(url: string): Promise<State> {
  return (await (await fetch(`${url}/admin/state`)).json()) as State;
}

test("both workers take requests, and one account of them is kept", async () => {
  const { url } = running;
  const streams = await Promise.all([1, 2, 3, 4].map(() => ask(url, 400)));
  await expect
    .poll(async () => (await state(url)).workers.every(({ inFlight }) => inFlight > 0), patiently)
    .toBe(true);
  expect(await state(url)).toMatchObject({
    admission: { inFlight: 4 },
    pools: [{ shards: [{ requests: 4 }] }],
  });
  for (const stream of streams) expect(await stream.text()).toMatch(/data: \[DONE\]\n\n$/);

  await expect
    .poll(async () => await (await fetch(`${url}/metrics`)).text(), patiently)
    .toMatch(/plimsoll_requests_total\{pool="chat",outcome="ok"\} 4\n/);
  const open = { headers: { accept: "application/openmetrics-text" } };
  expect(await (await fetch(`${url}/metrics`, open)).text()).toMatch(
    /^plimsoll_ttft_seconds_bucket\{pool="chat",le="\S+"\} \d+ # \{trace_id="[0-9a-f]{32}"\}/m,
  );
  const metrics = await (await fetch(`${url}/metrics`)).text();
  expect(metrics).toContain(
    'plimsoll_responses_total{pool="chat",model="small",status="200",error_type=""} 4\n',
  );
  expect(metrics).toContain("plimsoll_workers 2\n");
  await expect
    .poll(async () => await (await fetch(`${url}/metrics`)).text(), patiently)
    .toMatch(/^plimsoll_workers_resident_memory_bytes [1-9]\d+$/m);
  await expect.poll(async () => (await state(url)).pools[0].shards[0].requests, patiently).toBe(0);
});

test("operators are answered behind workers as without them", async () => {
  const { url } = running;
  const statusOf = async (headers: Record<string, string>) =>
    (await fetch(`${url}/admin/state`, { headers })).status;
  expect(await statusOf({ "x-plimsoll-peer": "10.0.0.9" })).toBe(200);
  expect(await statusOf({ "x-forwarded-for": "127.0.0.1" })).toBe(403);
  expect(await statusOf({ "sec-fetch-site": "cross-site" })).toBe(403);
  const headers = { "content-type": "application/json" };
  const large = { method: "POST", headers, body: " ".repeat(8 << 20) };
  expect((await fetch(`${url}/ep/v1/ranks`, large)).status).toBe(413);
});

test("a limit holds over both", async () => {
  const { url } = running;
  const streams: Response[] = [];
  for (let admitted = 1; admitted <= 4; admitted++) {
    streams.push(await ask(url, 1000));
    await expect.poll(async () => (await state(url)).admission.inFlight, patiently).toBe(admitted);
  }
  const more = await Promise.all([ask(url, 1), ask(url, 1)]);
  expect(more.map(({ status }) => status)).toEqual([503, 503]);
  await Promise.all(streams.map(async (stream) => stream.body?.cancel()));
  await expect.poll(async () => (await state(url)).admission.inFlight, patiently).toBe(0);
});

test("a worker that is killed is replaced, and the other's streams go on", async () => {
  const { url } = running;
  const streams: Response[] = [];
  const bothServe = async () => {
    streams.push(await ask(url, 1000));
    return (await state(url)).workers.every(({ inFlight }) => inFlight > 0);
  };
  await expect.poll(bothServe, patiently).toBe(true);
  const [{ pid: lost }, { pid: kept }] = (await state(url)).workers;
  process.kill(lost, "SIGKILL");

  const ends = await Promise.allSettled(streams.map((stream) => stream.text()));
  expect(ends.some(({ status }) => status === "rejected")).toBe(true);
  const whole = ends.find((end) => end.status === "fulfilled");
  expect(whole?.value.endsWith("data: [DONE]\n\n")).toBe(true);
  const pids = async () => (await state(url)).workers.map(({ pid }) => pid);
  await expect.poll(async () => (await pids()).length, patiently).toBe(2);
  expect(await pids()).toContain(kept);
  expect(await pids()).not.toContain(lost);
  await expect.poll(async () => (await state(url)).admission.inFlight, patiently).toBe(0);
});

test("both workers record what they serve, under one salt, and it is one trace", async () => {
  const directory = folder.path("traces");
  const { url } = running;
  await reload(`capture: { directory: ${directory} }`, `[${chatPool}]`, [1]);
  const files = () => readdir(directory).catch(() => []);
  const messages = [{ role: "user", content: "the same for all ".repeat(40) }];
  const both = async () => {
    await (await ask(url, 1, { messages })).text();
    return (await files()).length;
  };
  await expect.poll(both, patiently).toBe(2);
  await reload("", `[${chatPool}]`, [1]);
  await expect.poll(async () => (await files()).every((name) => name.endsWith(".gz")), patiently).toBe(true);
  const out = folder.path("merged.jsonl");
  const report = JSON.parse(await runHere("replay", "merge", directory, "--out", out, "--json")) as {
    requests: number;
  };
  expect(report).toMatchObject({ files: 2, salts: 1, broken: 0, dropped: 0 });
  const [, ...lines] = (await readFile(out, "utf8")).trimEnd().split("\n");
  const ids = new Set(
    lines.map((line) => JSON.stringify((JSON.parse(line) as { hash_ids: number[] }).hash_ids)),
  );
  expect([...ids]).toEqual([expect.stringMatching(/^\[\d+,\d+\]$/)]);
  const { capture } = (await (await fetch(`${url}/admin/state`)).json()) as { capture: object };
  expect(capture).toMatchObject({ on: false, written: report.requests, queueFull: 0, unwritten: 0 });
});

test("a port that is taken is reported once", async () => {
  const { port } = new URL(fake.url);
  const path = await folder.write("taken.yaml", `workers: 2\nhttp: { port: ${port} }\npools: [${chatPool}]`);
  const { code, stdout, stderr } = await runCli("serve", "--config", path);
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr.match(/http\.port is \d+, which is in use/g)).toHaveLength(1);
});

describe("with pools of several kinds", () => {
  let routed: RoutedServer;
  let first: ListingServer;
  let second: ListingServer;
  beforeAll(async () => {
    [routed, first, second] = await Promise.all([
      startRoutedServer(routedAnswer(SMALL_MODEL)),
      startListingServer({ id: "listed" }),
      startListingServer({ id: "listed" }),
    ]);
    const experts = (await smallGroup(folder)).replace("}", ", routedExperts: 1 }");
    await reload(
      `health: { probe: { intervalMs: 60000 }, circuit: { consecutiveFailures: 4, openMs: 60000 } }
retry: { maxAttempts: 1 }
control: { sharesMs: 50, placementMs: 100, stagingBytes: 1000000000000 }`,
      `[
  ${chatPool},
  { name: routed, kind: sglang, models: [routed], urls: [${routed.url}], experts: ${experts} },
  { name: listed, kind: vllm, models: [listed], urls: [${first.url}, ${second.url}] },
]`,
      [1, 1, 2],
    );
  });
  afterAll(() => Promise.all([routed, first, second].map((server) => server[Symbol.asyncDispose]())));

  const statusOf = async (model: string) => (await ask(running.url, 1, { model, stream: false })).status;

  test("what fails in the workers opens a circuit for all", async () => {
    const { url } = running;
    // Two for each worker: by itself neither would have enough.
    for (let i = 0; i < 4; i++) await ask(url, 1, { safety_identifier: "reset-before-headers" });
    const circuit = async () => (await state(url)).pools[0].shards[0].health.circuit;
    await expect.poll(circuit, patiently).toBe("open");
  });

  test("the experts that the workers' answers report reach the pool's control", async () => {
    const balanced = async () => {
      expect(await (await ask(running.url, 1, { model: "routed", stream: false })).text()).toBe(
        '{"choices":[{"text":"hi"}],"sglext":{}}',
      );
      const placement = await fetch(`${running.url}/ep/v1/placement/routed`);
      return ((await placement.json()) as { state: string }).state;
    };
    await expect.poll(balanced, patiently).toBe("pending");
  });

  test("workers list and find the adapters that the servers list, as their primary receives the lists", async () => {
    const listed = async () => {
      const response = await fetch(`${running.url}/v1/models`, { headers: { connection: "close" } });
      return ((await response.json()) as { data: { id: string }[] }).data.map(({ id }) => id).toSorted();
    };
    const before = await listed();
    expect(before).toContain("listed");
    expect(before).not.toContain("lora");
    for (let i = 0; i < 4; i++) expect(await listed()).toEqual(before);
    first.cards.push({ id: "lora", parent: "listed" });
    // One after the other, each with a connection of its own, they come to both workers.
    for (let i = 0; i < 6; i++) expect(await statusOf("lora")).toBe(200);
    for (let i = 0; i < 4; i++) expect(await listed()).toEqual([...before, "lora"].toSorted());
    expect([first.bodies.length, second.bodies.length]).toEqual([6, 0]);
  });

  test("after a reload workers know what the servers of a new pool list", async () => {
    second.cards = [{ id: "other" }];
    const fresh = `[{ name: fresh, kind: vllm, models: [listed], urls: [${first.url}, ${second.url}] }]`;
    await reload("", fresh, [2]);
    const statuses = () => Promise.all(Array.from({ length: 16 }, () => statusOf("listed")));
    const well = Array.from({ length: 16 }, () => 200);
    await expect.poll(statuses, patiently).toEqual(well);
    const before = second.bodies.length;
    expect([await statuses(), second.bodies.length]).toEqual([well, before]);
  });
});

test("without a folder for their socket, one line says so", async () => {
  const path = await configure("");
  const none = folder.path("none");
  const { code, stderr } = await cliResult(startCliWith({ TMPDIR: none }, "serve", "--config", path));
  const line = `${none}: cannot be written to (ENOENT), and several workers have a socket there; set TMPDIR to a folder`;
  expect([code, stderr.trim()]).toEqual([2, expect.stringContaining(line)]);
  expect(stderr.trim().split("\n")).toHaveLength(1);
});

test("SIGTERM lets the streams of all workers finish", async () => {
  await reload("", `[${chatPool}]`, [1]);
  const { child, over, url } = running;
  const streams = await Promise.all([ask(url, 200), ask(url, 200)]);
  child.kill("SIGTERM");
  for (const stream of streams) expect(await stream.text()).toMatch(/data: \[DONE\]\n\n$/);
  const { code, stderr } = await over;
  expect(code).toBe(0);
  expect(stderr.endsWith("stopping: what is in flight has 10 s to finish\n")).toBe(true);
  // What ended last was sent before the processes did.
  const roots = receivedSpans(collector.requests).filter(({ kind }) => kind === "server");
  const ids = roots.map(({ attributes }) => attributes["plimsoll.request_id"]);
  expect(ids).toEqual(expect.arrayContaining(streams.map(({ headers }) => headers.get("x-request-id"))));
  expect(new Set(roots.map(({ resource }) => resource["service.instance.id"])).size).toBeGreaterThan(1);
  expect(stderr).not.toContain("telemetry:");
});
