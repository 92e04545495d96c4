import { createHash } from "node:crypto";
import { mkdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { HiddenNames } from "../../src/capture/hidden-names.ts";
import { sortedLines } from "../../src/capture/sorted-lines.ts";
import { TraceFiles } from "../../src/capture/trace-files.ts";
import { TraceLines } from "../../src/capture/trace-lines.ts";
import type { CapturedRequest } from "../../src/serving/capture/captured-request.ts";
import { blockHashes } from "../../src/routing/block-hashes.ts";

const SALT = Buffer.from("a salt");
const HEADER = '{"format":"plimsoll.trace/1","order":"end"}';

const line = (ms: number, more = "") => `{"timestamp_ms":${ms},"input_length":1${more}}`;

let folder: ScratchFolder;
beforeAll(async () => {
  folder = await scratchFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

describe("files", () => {
  let count = 0;
  function open(maxFileBytes: number, maxFiles: number, directory = folder.path(`t${++count}`)) {
    const faults: Error[] = [];
    const terms = {
      directory,
      maxFileBytes,
      maxFiles,
      header: () => HEADER,
      startMs: Date.now(),
      now: () => Date.now(),
    };
    return { files: new TraceFiles(terms, (fault) => faults.push(fault)), directory, faults };
  }

  async function readAll(directory: string): Promise<{ name: string; lines: string[] }[]> {
    const names = await namesIn(directory);
    return Promise.all(
      names.map(async (name) => {
        const bytes = await readFile(`${directory}/${name}`);
        const text = name.endsWith(".gz") ? gunzipSync(bytes).toString() : bytes.toString();
        return { name, lines: text.trimEnd().split("\n") };
      }),
    );
  }

  async function namesIn(directory: string): Promise<string[]> {
    const { readdir } = await import("node:fs/promises");
    return (await readdir(directory)).toSorted();
  }

  test("a full one is sorted and compressed, the next one goes on, and only the owner may read them", async () => {
    const { files, directory, faults } = open(HEADER.length + 1 + 2 * (line(10).length + 1), 10);
    const lines = [line(30), line(20), line(10), line(40), line(50)];
    expect(files.write(lines, 0)).toEqual({ lines: 5, bytes: 5 * (line(10).length + 1), fault: null });
    await files.close();
    const all = await readAll(directory);
    expect(all.map(({ name }) => name.replace(/^capture-\d{8}T\d{9}Z-.*-\d+-/, ""))).toEqual([
      "0001.jsonl.gz",
      "0002.jsonl.gz",
      "0003.jsonl.gz",
    ]);
    expect(all.map(({ lines: [, ...own] }) => own)).toEqual([
      [line(20), line(30)],
      [line(10), line(40)],
      [line(50)],
    ]);
    expect(JSON.parse(all[0].lines[0])).toEqual({
      format: "plimsoll.trace/1",
      order: "arrival",
      requests: 2,
      dropped: 0,
    });
    expect((await stat(`${directory}/${all[0].name}`)).mode & 0o777).toBe(0o600);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    expect(faults).toEqual([]);
  });

  test("there are so many at most, the newest, those of other processes among them", async () => {
    const { files, directory } = open(100, 3);
    files.write([line(0)], 0);
    const old = `${directory}/capture-20200101T000000000Z-elsewhere-7-0001.jsonl`;
    await writeFile(old, `${HEADER}\n${line(5)}\n${line(3)}\n{"timest`);
    await utimes(old, 1, 1);
    const foreign = `${directory}/notes.txt`;
    await writeFile(foreign, "mine");
    for (let ms = 1; ms < 6; ms++) files.write([line(ms)], 0);
    await files.close();
    const names = await namesIn(directory);
    expect(names.at(-1)).toBe("notes.txt");
    expect(names.slice(0, -1).map((name) => name.slice(-13))).toEqual(
      ["0004", "0005", "0006"].map((number) => `${number}.jsonl.gz`),
    );
  });

  test("what a process that is gone has left is finished, without a line that is not whole", async () => {
    const { files, directory } = open(65_536, 10);
    files.write([line(0)], 0);
    const left = `${directory}/capture-20200101T000000000Z-elsewhere-7-0001.jsonl`;
    await writeFile(left, `${HEADER}\n${line(5)}\n${line(3)}\n{"timest`);
    await utimes(left, 1, 1);
    await files.close();
    const later = open(65_536, 10, directory);
    later.files.write([line(0)], 0);
    await later.files.close();
    const [{ name, lines }] = await readAll(directory);
    expect(name).toBe("capture-20200101T000000000Z-elsewhere-7-0001.jsonl.gz");
    expect(lines.slice(1)).toEqual([line(3), line(5)]);
  });

  test("a file that somebody removes is followed by another", async () => {
    const { files, directory } = open(65_536, 10);
    files.write([line(0)], 0);
    await rm(directory, { recursive: true });
    expect(files.write([line(1)], 0).fault).toBeNull();
    await files.close();
    expect((await readAll(directory))[0].lines[1]).toBe(line(1));
  });

  test("what cannot be written is counted, and writing goes on once it can", async () => {
    const blocked = folder.path("blocked");
    await writeFile(blocked, "a file where the directory should be");
    const { files, directory } = open(65_536, 10, `${blocked}/traces`);
    expect(files.write([line(0), line(1)], 0)).toMatchObject({
      lines: 0,
      bytes: 0,
      fault: { code: "ENOTDIR" },
    });
    await rm(blocked);
    await mkdir(blocked);
    expect(files.write([line(2)], 2)).toMatchObject({ lines: 1, fault: null });
    await files.close();
    const [{ lines }] = await readAll(directory);
    expect(lines.slice(1)).toEqual([line(2)]);
    expect(JSON.parse(lines[0])).toMatchObject({ requests: 1, dropped: 4 });
  });

  test("a line larger than a file is dropped, and the others are not", async () => {
    const { files, directory } = open(200, 10);
    const written = files.write([line(0), line(1, `,"body":"${"x".repeat(300)}"`), line(2)], 0);
    expect(written).toMatchObject({
      lines: 2,
      fault: { message: expect.stringContaining("maxFileBytes") as string },
    });
    await files.close();
    const all = await readAll(directory);
    expect(all.flatMap(({ lines }) => lines.slice(1))).toEqual([line(0), line(2)]);
    expect(all.map(({ lines }) => (JSON.parse(lines[0]) as { dropped: number }).dropped)).toEqual([0, 1]);
  });
});

test("lines are sorted by time, those of one time as they were", () => {
  const file = Buffer.from(
    [HEADER, line(2.5), line(2, ',"a":1'), line(10), line(2, ',"a":2'), "nonsense", ""].join("\n"),
  );
  const [header, ...lines] = sortedLines(file, {}).toString().trimEnd().split("\n");
  expect(JSON.parse(header)).toMatchObject({ order: "arrival", requests: 4 });
  expect(lines).toEqual([line(2, ',"a":1'), line(2, ',"a":2'), line(2.5), line(10)]);
});

describe("what is hidden", () => {
  const common = Buffer.from("You are a helpful assistant. ".repeat(40));
  const hashes = (rest: string) => {
    const prompt = Buffer.concat([common, Buffer.from(rest.repeat(100))]);
    return blockHashes(prompt, 0, prompt.length, 0);
  };

  test("prompts that begin alike have the same ids as far as they do, under one salt", () => {
    const hidden = new HiddenNames(SALT);
    const [one, other] = [hashes("one "), hashes("other ")].map((prefix) => hidden.blocks(prefix, 1, 100));
    expect(one.slice(0, 4)).toEqual(other.slice(0, 4));
    expect(new Set([...one, ...other]).size).toBe(one.length + other.length - 4);
    for (const id of one) expect(Number.isSafeInteger(id) && id >= 0).toBe(true);
    const again = new HiddenNames(Buffer.from("a salt")).blocks(hashes("one "), 1, 100);
    expect(again).toEqual(one);
  });

  test("another salt makes other ids and names", () => {
    const [a, b] = [SALT, Buffer.from("another")].map((salt) => new HiddenNames(salt));
    const ids = new Set([...a.blocks(hashes("x"), 1, 9), ...b.blocks(hashes("x"), 1, 9)]);
    expect(ids.size).toBe(2 * a.blocks(hashes("x"), 1, 9).length);
    expect(a.name("tenant", "acme")).not.toBe(b.name("tenant", "acme"));
    expect(a.name("tenant", "acme")).not.toBe(a.name("session", "acme"));
    expect(a.name("tenant", "acme")).toBe(a.name("tenant", "acme"));
    expect(a.name("tenant", "acme")).not.toContain(
      createHash("sha256").update("acme").digest("hex").slice(0, 8),
    );
  });

  test("larger blocks are every so many of the smaller, and there are no more than asked for", () => {
    const hidden = new HiddenNames(SALT);
    const prefix = hashes("x");
    const small = hidden.blocks(prefix, 1, 100);
    expect(small).toHaveLength(prefix.length / 2);
    expect(hidden.blocks(prefix, 2, 100)).toEqual(
      small.filter((_, i) => i % 2 === 1).slice(0, Math.floor(small.length / 2)),
    );
    expect(hidden.blocks(prefix, 1, 3)).toEqual(small.slice(0, 3));
    expect(hidden.blocks(prefix, 1, 0)).toEqual([]);
  });
});

describe("a line", () => {
  const REQUEST: CapturedRequest = {
    arrivalMs: 1500.12345,
    firstFrameMs: 20.5,
    durationMs: 99,
    outcome: "ok",
    route: "/v1/chat/completions",
    model: "m",
    tenant: "acme",
    session: "alice@example.com",
    priority: 0,
    inputTokens: { tokens: 130, estimated: false },
    outputTokens: { tokens: 4, estimated: true },
    cachedTokens: null,
    maxTokens: null,
    prefix: Uint32Array.from({ length: 20 }, (_, i) => i),
    routed: null,
    body: null,
  };
  const origin = { gateway: "g", version: "1.2.3", sample: 1, startMs: 1000, clockMs: 500 };
  const lines = (more = {}) => new TraceLines(origin, { salt: SALT, names: false, blockTokens: 64, ...more });
  const read = (text: string) => JSON.parse(text) as Record<string, unknown>;

  test("has no name and no text, and no more blocks than tokens", () => {
    const text = lines().line(REQUEST);
    expect(text).not.toMatch(/acme|alice/);
    expect(read(text)).toEqual({
      timestamp_ms: 1000.123,
      input_length: 130,
      output_length: 4,
      estimated: ["output_length"],
      tenant: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
      session: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
      model: "m",
      route: "/v1/chat/completions",
      outcome: "ok",
      ttft_ms: 20.5,
      duration_ms: 99,
      hash_ids: [expect.any(Number), expect.any(Number)],
    });
  });

  test("has names, experts and bodies where that is asked for", () => {
    const routed = { tokens: 1, layers: 1, topk: 2, experts: Int16Array.from([3, -1]) };
    const body = Buffer.from('{"prompt":"hi"}');
    const all = read(lines({ names: true }).line({ ...REQUEST, routed, body, priority: 7 }));
    expect(all).toMatchObject({
      priority: -7,
      tenant: "acme",
      session: "alice@example.com",
      routed_experts: { tokens: 1, layers: 1, topk: 2, data: "AwD//w==" },
      body: { prompt: "hi" },
    });
    expect(read(lines().line({ ...REQUEST, body: Buffer.from("{no json") }))).not.toHaveProperty("body");
  });

  test("follows a header that says when times count from", () => {
    expect(read(lines().header())).toEqual({
      format: "plimsoll.trace/1",
      start: "1970-01-01T00:00:01.000Z",
      start_ms: 1000,
      gateway: "g",
      version: "1.2.3",
      sample: 1,
      block_size: 64,
      salt_id: expect.stringMatching(/^[0-9a-f]{8}$/) as string,
      order: "end",
    });
  });
});
