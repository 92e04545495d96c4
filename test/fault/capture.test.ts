import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, readdir } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ChatBody, type ScriptedServer, scriptedServer } from "../../harness/fakes/scripted-server.ts";
import { chatPool, startGateway } from "../../harness/fakes/start-gateway.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { WriterQueue } from "../../src/capture/writer-queue.ts";
import type { CapturedRequest } from "../../src/serving/capture/captured-request.ts";
import { patiently } from "../patiently.ts";
import { MAIN } from "../run-cli.ts";

/** Of one file, by `ulimit`: as a full disk, but for the code. */
const LIMIT_KIB = 8;

let folder: ScratchFolder;
let engine: ScriptedServer;
beforeAll(async () => {
  folder = await scratchFolder();
  engine = await scriptedServer((_: ChatBody, response: ServerResponse) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(
      '{"choices":[{"message":{"content":"a"}}],"usage":{"prompt_tokens":9,"completion_tokens":1}}',
    );
  });
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

async function ask(url: string): Promise<number> {
  const body = JSON.stringify({ model: "small", messages: [{ role: "user", content: "hi" }] });
  const headers = { "content-type": "application/json" };
  const response = await fetch(`${url}/v1/chat/completions`, { method: "POST", headers, body });
  await response.arrayBuffer();
  return response.status;
}

async function counted(url: string, result: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const found = new RegExp(`plimsoll_capture_requests_total\\{result="${result}"\\} (\\d+)`).exec(text);
  return Number(found?.[1]);
}

const pool = () => chatPool(engine.url.href.slice(0, -1));

test("a disk that is full drops records, and no request; a process that is killed leaves whole lines", async () => {
  const directory = folder.path("full");
  const config = await folder.write(
    "full.yaml",
    `http: { port: 0 }\ncapture: { directory: ${directory} }\n${pool()}`,
  );
  // Without the trap the signal would end the process before the system could say that the file is too large.
  const script = `trap '' XFSZ; ulimit -f ${LIMIT_KIB}; exec "$0" "$1" serve --json --config "$2"`;
  const child: ChildProcessWithoutNullStreams = spawn("bash", ["-c", script, process.execPath, MAIN, config]);
  const said: string[] = [];
  child.stderr.on("data", (part: Buffer) => said.push(part.toString()));
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const { url } = JSON.parse(line.toString()) as { url: string };
  let asked = 0;
  const faultAfterOneMore = async () => {
    expect(await ask(url)).toBe(200);
    asked++;
    const state = (await (await fetch(`${url}/admin/state`)).json()) as { capture: { fault: string | null } };
    return state.capture.fault;
  };
  await expect.poll(faultAfterOneMore, { ...patiently, interval: 1 }).toBe("EFBIG");
  const all = async () => (await counted(url, "written")) + (await counted(url, "unwritten"));
  await expect.poll(all, patiently).toBe(asked);
  expect(await counted(url, "unwritten")).toBeGreaterThan(0);
  const written = await counted(url, "written");
  expect(said.join("")).toMatch(/capture: .*: requests are not recorded \(EFBIG\)\n/);
  child.kill("SIGKILL");
  await once(child, "exit");

  const [name, ...others] = await readdir(directory);
  expect(others).toEqual([]);
  const text = (await readFile(`${directory}/${name}`)).toString();
  expect(text.endsWith("}\n")).toBe(true);
  const [header, ...lines] = text.trimEnd().split("\n");
  expect(JSON.parse(header)).toMatchObject({ format: "plimsoll.trace/1", order: "end" });
  expect(lines).toHaveLength(written);
  for (const one of lines) expect(JSON.parse(one)).toMatchObject({ outcome: "ok", input_length: 9 });
});

test("a gateway whose directory cannot be made serves all the same, and says so once", async () => {
  const blocked = await folder.write("blocked", "");
  const gateway = await startGateway(`capture: { directory: ${blocked}/traces }\n${pool()}`);
  for (let i = 0; i < 3; i++) expect(await ask(gateway.url)).toBe(200);
  await expect.poll(() => counted(gateway.url, "unwritten"), patiently).toBe(3);
  expect(gateway.notices.filter((line) => line.includes("not recorded"))).toEqual([
    `capture: ${blocked}/traces: requests are not recorded (ENOTDIR)`,
  ]);
  expect(gateway.faults).toEqual([]);
  await gateway.stop();
});

const REQUEST: CapturedRequest = {
  arrivalMs: 0,
  firstFrameMs: null,
  durationMs: 1,
  outcome: "ok",
  route: "/v1/completions",
  model: "m",
  tenant: null,
  session: null,
  priority: 0,
  inputTokens: { tokens: 1, estimated: false },
  outputTokens: { tokens: 1, estimated: false },
  cachedTokens: null,
  maxTokens: null,
  prefix: new Uint32Array(0),
  routed: null,
  body: null,
};

function queueOf(directory: string, notices: string[], salt: Uint8Array): WriterQueue {
  return new WriterQueue(
    {
      origin: { gateway: "g", version: "1", sample: 1, startMs: 0, clockMs: 0 },
      lines: { salt, names: false, blockTokens: 64 },
      directory,
      maxFileBytes: 1 << 30,
      maxFiles: 2,
    },
    (line) => notices.push(line),
  );
}

test("a writer that dies takes what it had with it, and nothing else", async () => {
  const notices: string[] = [];
  // It cannot begin without one.
  const queue = queueOf(folder.path("dead"), notices, null as unknown as Uint8Array);
  for (let i = 0; i < 300; i++) queue.offer(REQUEST);
  await expect.poll(() => queue.counts.unwritten, patiently).toBe(300);
  queue.offer(REQUEST);
  await queue.close();
  expect(queue.counts).toEqual({ written: 0, bytes: 0, queueFull: 0, unwritten: 301 });
  expect(notices).toEqual([expect.stringMatching(/requests are not recorded \(.*\)$/)]);
});

test("what comes faster than it is written is dropped and counted, and the file says how many", async () => {
  const notices: string[] = [];
  const directory = folder.path("fast");
  const queue = queueOf(directory, notices, new Uint8Array(16));
  // All in one turn of the event loop: the writer can answer none of it before.
  for (let i = 0; i < 10_000; i++) queue.offer(REQUEST);
  const { queueFull } = queue.counts;
  expect(queueFull).toBe(10_000 - 8192);
  await expect.poll(() => queue.counts.written, patiently).toBe(8192);
  queue.offer(REQUEST);
  await queue.close();
  expect(queue.counts).toMatchObject({ written: 8193, queueFull, unwritten: 0 });
  expect(notices).toEqual([
    `capture: ${directory}: requests are not recorded (the disk is slower than the traffic)`,
    `capture: ${directory}: requests are recorded again`,
  ]);
  const [name] = await readdir(directory);
  const { gunzipSync } = await import("node:zlib");
  const text = gunzipSync(await readFile(`${directory}/${name}`)).toString();
  expect(JSON.parse(text.slice(0, text.indexOf("\n")))).toMatchObject({ requests: 8193, dropped: queueFull });
});
