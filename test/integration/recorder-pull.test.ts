import { execFile } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, readFile, symlink, truncate, writeFile } from "node:fs/promises";
import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadModel } from "../../src/config/shapes.ts";
import { modelLike } from "../../harness/small-model.ts";
import type { LoadReport } from "../../src/control/ingest/load-report.ts";
import { RecorderPull } from "../../src/control/ingest/recorder-pull.ts";
import { DumpThread } from "../../src/engines/sglang/dump-thread.ts";
import { SglangRecorder, type SglangRecorderOptions } from "../../src/engines/sglang/recorder.ts";
import { readSglangRecorder } from "../../src/formats/sglang-recorder.ts";
import type { ExpertLoad } from "../../src/model/load.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { bytesOf } from "../npy-bytes.ts";
import { pickled, torchFile } from "../torch-bytes.ts";

const command = promisify(execFile);

/** As SGLang's own recorder wrote it: 2 layers of 4 experts. */
const DUMP = fileURLToPath(new URL("../golden/engine-files/recorder-stat.pt", import.meta.url));
const name = (time: number) => `expert_distribution_recorder_${time}.pt`;

let folder: ScratchFolder;
let server: Server;
let asked: string[];
let status: number;
let content: Uint8Array;
let dumped: ExpertLoad;
let reports: LoadReport[];
let faults: string[];
let leading: boolean;
let nowMs: number;
let writes = 0;
beforeEach(async () => {
  folder = await scratchFolder();
  writes = 0;
  [asked, status, reports, faults, leading, nowMs] = [[], 200, [], [], true, 1000];
  content = await readFile(DUMP);
  dumped = readSglangRecorder(content, DUMP);
  server = createServer((request, response) => {
    asked.push(request.url ?? "");
    const written =
      request.url === "/dump_expert_distribution_record"
        ? writeFile(folder.path(name(asked.length)), content)
        : Promise.resolve();
    void written.then(() => response.writeHead(status).end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(async () => {
  server.close();
  await folder[Symbol.asyncDispose]();
});

async function pullFor(
  denseLayers: readonly number[],
  experts = 4,
  limits: Pick<SglangRecorderOptions, "readWithinMs"> = {},
  layers = 2,
): Promise<RecorderPull> {
  const sizes = { layers, denseLayers, experts, topk: 2, groups: 1, topkGroups: 1 };
  const model = modelLike(await loadModel("deepseek-v3"), sizes);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return new RecorderPull({
    recorder: new SglangRecorder(
      Object.assign(limits, { urls: [url], apiKey: null, directory: folder.path("."), model }),
    ),
    inbox: { take: (report) => reports.push(report) },
    leading: () => leading,
    intervalMs: 1000,
    clock: { now: () => nowMs },
    onFault: ({ message }) => faults.push(message),
  });
}

test("the leader has the recorder started, then fetches what it counted, and clears it away", async () => {
  await folder.write(name(0), "somebody else's");
  const pull = await pullFor([]);
  await pull.pull();
  nowMs += 5000;
  await pull.pull();
  expect(asked).toEqual(["/start_expert_distribution_record", "/dump_expert_distribution_record"]);
  expect(reports).toEqual([
    {
      rank: null,
      window: null,
      incarnation: null,
      windowMs: 5000,
      counted: "source",
      counts: dumped.tokens,
      engine: null,
    },
  ]);
  expect(await folder.names()).toEqual([name(0)]);
  expect(faults).toEqual([]);
});

/** A dump of the mode stat, of one step. */
function dumpOf(rows: readonly (readonly number[])[]): Uint8Array {
  const [layers, experts] = [rows.length, rows[0].length];
  const sizes = { shape: [layers, experts], strides: [experts, 1], count: layers * experts };
  const tensor = pickled.tensor({ key: "0", kind: "IntStorage", ...sizes });
  const counts = { "0": bytesOf(Int32Array.from(rows.flat())) };
  return torchFile(pickled.dict(["logical_count", tensor]), counts);
}

test.each([
  [[0], [1, 2]],
  [[1], [0, 2]],
])("dense layers, such as %j, are left out", async (denseLayers, kept) => {
  const rows = [0, 1, 2].map((layer) => [1, 2, 3, 4].map((n) => (kept.includes(layer) ? n + 10 * layer : 0)));
  content = dumpOf(rows);
  const pull = await pullFor(denseLayers, 4, {}, 3);
  await pull.pull();
  await pull.pull();
  expect(reports[0].counts).toEqual(Float64Array.from(kept.flatMap((layer) => rows[layer])));
});

test("a dump that counts tokens in a dense layer is another model's", async () => {
  const pull = await pullFor([0]);
  await pull.pull();
  await pull.pull();
  expect(reports).toEqual([]);
  expect(faults).toEqual([
    expect.stringContaining("counts tokens in layer 0, where deepseek-v3 has no experts"),
  ]);
});

test("who does not lead asks nothing, and who begins to lead begins anew", async () => {
  const pull = await pullFor([]);
  leading = false;
  await pull.pull();
  expect(asked).toEqual([]);
  for (const lead of [true, false, true]) {
    leading = lead;
    await pull.pull();
  }
  expect(asked).toEqual(["/start_expert_distribution_record", "/start_expert_distribution_record"]);
});

test("what fails is said once, and tried again from the start", async () => {
  const pull = await pullFor([]);
  status = 500;
  await pull.pull();
  await pull.pull();
  expect(faults).toEqual([
    expect.stringMatching(/answered POST \/start_expert_distribution_record with 500$/),
  ]);
  status = 200;
  await pull.pull();
  await pull.pull();
  expect(reports).toHaveLength(1);
});

test("a dump of another model is refused, and left where it is", async () => {
  const pull = await pullFor([], 8);
  await pull.pull();
  await pull.pull();
  expect(faults).toEqual([expect.stringContaining("logical_count is of 2 layers of 4 experts")]);
  expect(reports).toEqual([]);
  expect(await folder.names()).toHaveLength(1);
});

test("each server is asked by its own name and credentials", async () => {
  const model = await loadModel("deepseek-v3");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const heard: unknown[] = [];
  server.on("request", ({ method, headers: { host, authorization } }) =>
    heard.push({ method, host, authorization }),
  );
  const access = [{ host: "engines.test:1", authorization: "Basic eA==", tls: null }];
  await new SglangRecorder({ urls: [url], access, apiKey: null, directory: folder.path("."), model }).start();
  await new SglangRecorder({ urls: [url], apiKey: "key", directory: folder.path("."), model }).start();
  expect(heard).toEqual([
    { method: "POST", host: "engines.test:1", authorization: "Basic eA==" },
    { method: "POST", host: url.slice(7), authorization: "Bearer key" },
  ]);
});

/** Has the servers write something else than a dump. */
async function pullOf(
  write: (path: string) => Promise<unknown>,
  limits: { readWithinMs?: number } = {},
): Promise<RecorderPull> {
  server.removeAllListeners("request");
  server.on("request", (request, response) => {
    const isDump = request.url === "/dump_expert_distribution_record";
    void (isDump ? write(folder.path(name(++writes))) : Promise.resolve()).then(() => response.end());
  });
  return pullFor([], 4, limits);
}

const good = (path: string) => copyFile(DUMP, path);

test.each<[what: string, write: (path: string) => Promise<unknown>, said: RegExp]>([
  [
    "a pipe",
    (path) => command("mkfifo", [path]),
    /recorder_1\.pt: is a pipe, a socket or a device; expected/,
  ],
  ["a link", (path) => symlink(DUMP, path), /recorder_1\.pt: is a link; expected a regular file$/],
  ["a link to a device", (path) => symlink("/dev/zero", path), /recorder_1\.pt: is a link; expected/],
  ["a folder", (path) => mkdir(path), /recorder_1\.pt: is a folder; expected/],
  [
    "a huge file",
    (path) => sparse(path, 2 ** 33),
    /recorder_1\.pt: has 8589934592 bytes, more than 268435456; start/,
  ],
  ["no dump", (path) => writeFile(path, "PK\u0003\u0004"), /recorder_1\.pt: has no zip directory at its end/],
])("%s in the place of a dump is said, and the next dump is read", async (_, write, said) => {
  let odd = true;
  const pull = await pullOf((path) => (odd ? write(path) : good(path)));
  await pull.pull();
  await pull.pull();
  expect(faults).toEqual([expect.stringMatching(said)]);
  expect(reports).toEqual([]);
  odd = false;
  await pull.pull();
  await pull.pull();
  expect(faults).toHaveLength(1);
  expect(reports).toHaveLength(1);
  expect(await folder.names()).toEqual([name(1)]);
});

test("dumps that are not read in time are said once, and the next one is read", async () => {
  const limits = { readWithinMs: 1 };
  const pull = await pullOf(good, limits);
  await pull.pull();
  await pull.pull();
  expect(faults).toEqual([
    expect.stringMatching(/recorder_1\.pt: was not read \(.*timeout\); remove it, or/),
  ]);
  limits.readWithinMs = 60_000;
  await pull.pull();
  await pull.pull();
  expect(faults).toHaveLength(1);
  expect(reports).toHaveLength(1);
});

test("who stops waits for no server, and says nothing of it", async () => {
  server.removeAllListeners("request");
  const heard = once(server, "request");
  const pull = await pullFor([]);
  pull.start();
  const pulled = pull.pull();
  await heard;
  await pull.stop();
  await pulled;
  expect(faults).toEqual([]);
});

test("a folder of too many files is said", async () => {
  const pull = await pullFor([]);
  await command("sh", ["-c", "seq 10001 | xargs touch"], { cwd: folder.path(".") });
  await pull.pull();
  expect(faults).toEqual([expect.stringMatching(/: holds more than 10000 files; remove what is old$/)]);
});

test("a dump that ends its reader is said, and another one reads on", async () => {
  const lists = Buffer.concat([Buffer.from("]("), Buffer.alloc(1 << 19, "}"), Buffer.from("e")]);
  const path = await folder.write("d.pt", torchFile(lists));
  const small = new DumpThread(AbortSignal.timeout(60_000), { maxOldGenerationSizeMb: 8 });
  await expect(small.read(path)).rejects.toThrow(
    /d\.pt: was not read \(.*memory.*\); remove it, or make smaller/,
  );
  await expect(small.read(DUMP)).rejects.toThrow("was not read");
  small.end();
  const usual = new DumpThread(AbortSignal.timeout(60_000));
  await expect(usual.read(path)).rejects.toThrow("has neither logical_count (mode stat) nor records");
  expect(await usual.read(DUMP)).toEqual(dumped);
  usual.end();
});

async function sparse(path: string, bytes: number): Promise<void> {
  await writeFile(path, "");
  await truncate(path, bytes);
}
