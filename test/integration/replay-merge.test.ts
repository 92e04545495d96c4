import { readFile } from "node:fs/promises";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { resultHere } from "../run-here.ts";

let folder: ScratchFolder;
beforeAll(async () => {
  folder = await scratchFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

const header = (startMs: number, more: object = {}) =>
  JSON.stringify({
    format: "plimsoll.trace/1",
    start_ms: startMs,
    block_size: 64,
    salt_id: "aa",
    order: "arrival",
    ...more,
  });
const line = (ms: number, name: string, outcome = "ok") =>
  `{"timestamp_ms":${ms},"input_length":1,"output_length":1,"session":"${name}","outcome":"${outcome}"}`;
const file = (...lines: string[]) => `${lines.join("\n")}\n`;

async function merge(...args: string[]) {
  const out = folder.path("merged.jsonl.gz");
  const { code, stdout, stderr } = await resultHere("replay", "merge", ...args, "--out", out, "--json");
  if (code !== 0) return { code, stdout, stderr, report: {}, merged: [] };
  const merged = gunzipSync(await readFile(out))
    .toString()
    .trimEnd()
    .split("\n");
  return { code, stdout, stderr, report: JSON.parse(stdout) as object, merged };
}

test("files of several processes, finished or not, are one trace in order of time", async () => {
  const one = await folder.write(
    "one.jsonl.gz",
    gzipSync(file(header(1000, { dropped: 3 }), line(0, "a"), line(40.5, "b"), line(90, "c"))),
  );
  // In order of ends, and cut off.
  const other = file(
    header(1020, { order: "end", salt_id: "bb" }),
    line(60, "d"),
    line(20.125, "e", "failed"),
  );
  const two = await folder.write("two.jsonl", `${other}{"timestamp_ms":70,"inp`);
  const { merged, report, stderr } = await merge(two, one);
  expect(merged.slice(1)).toEqual([
    line(0, "a"),
    line(40.125, "e", "failed"),
    line(40.5, "b"),
    line(80, "d"),
    line(90, "c"),
  ]);
  expect(JSON.parse(merged[0])).toMatchObject({
    start_ms: 1000,
    block_size: 64,
    salt_id: "aa+bb",
    dropped: 3,
  });
  expect(report).toMatchObject({ files: 2, requests: 5, broken: 1, dropped: 3, salts: 2, durationMs: 90 });
  expect(stderr.split("\n")).toHaveLength(4);
  // What was merged is merged again, and some of it chosen.
  const again = await folder.write("again.jsonl.gz", await readFile(folder.path("merged.jsonl.gz")));
  const chosen = await merge(again, "--outcomes", "failed,cancelled");
  expect(chosen.merged.slice(1)).toEqual([line(40.125, "e", "failed")]);
  expect(chosen.report).toMatchObject({ requests: 1, leftOut: 4, salts: 2, dropped: 3 });
});

/** A line whose tokens went to these experts of the only layer, or to none that are said. */
const routedLine = (ms: number, experts: readonly number[], more = "") => {
  const data = Buffer.from(Int16Array.from(experts).buffer).toString("base64");
  const routed = `"routed_experts":{"tokens":${experts.length},"layers":1,"topk":1,"data":"${data}"}`;
  return `{"timestamp_ms":${ms},"input_length":1,"output_length":1${more},"outcome":"ok",${routed}}`;
};

test("requests are named by the experts that they used, where they say them", async () => {
  const named = (ms: number, place: number, experts: readonly number[]) =>
    routedLine(ms, experts).replace(",", `,"class":"experts-${place}",`);
  const own = routedLine(5, [1, 2, 3], ',"class":"mine"');
  const broken = routedLine(6, [1]).replace('"tokens":1', '"tokens":7');
  const lines = [
    routedLine(0, [1, 2, 3]),
    routedLine(1, [7, 8, 8]),
    routedLine(2, [3, 2, 1]),
    line(3, "a"),
    own,
    broken,
  ];
  const path = await folder.write("routed.jsonl", file(header(0), ...lines));
  const { merged, report, stderr } = await merge(path, "--classes", "2");
  expect(merged.slice(1)).toEqual([
    named(0, 1, [1, 2, 3]),
    named(1, 2, [7, 8, 8]),
    named(2, 1, [3, 2, 1]),
    line(3, "a"),
    own,
    broken,
  ]);
  expect(report).toMatchObject({ requests: 6, classes: 2, classed: 3 });
  expect(stderr).toMatch(/^3 of 6 requests are in 2 classes by their experts/);
  const silent = await folder.write("silent.jsonl", file(header(0), line(0, "a")));
  expect((await merge(silent, "--classes", "4")).stderr).toMatch(
    /^no request names its experts: none has a class/,
  );
  expect(await merge(silent, "--classes", "65")).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^--classes: is 65; give at most 64/),
  });
});

test.each([
  ["no trace", file('{"timestamp": 1}'), "line 1 is no header of a captured trace"],
  ["an empty file", "", "line 1 is no header of a captured trace"],
  ["another block size", file(header(0, { block_size: 128 })), "block_size is 64, and 128 in"],
  ["times that go back", file(header(0), line(5, "a"), line(4, "a")), "timestamp_ms goes back"],
])("%s is refused in one line", async (_, content, why) => {
  const path = await folder.write("odd.jsonl", content);
  const sound = await folder.write("sound.jsonl", file(header(0), line(0, "a")));
  const { code, stderr } = await merge(path, sound);
  expect(code).toBe(2);
  expect(stderr).toContain(why);
  expect(stderr.trimEnd().split("\n")).toHaveLength(1);
});

test("a folder without any is refused, and so are outcomes that are none", async () => {
  const { code, stderr } = await merge(folder.path("."));
  expect([code, stderr]).toEqual([2, expect.stringContaining("is a folder without capture-….jsonl(.gz)")]);
  expect((await merge(folder.path("x"), "--outcomes", "good")).code).toBe(2);
});
