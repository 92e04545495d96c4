import { mkdir, readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { requestLine } from "../../src/replay/report/request-line.ts";
import { replayRecord } from "../replay-record.ts";
import { resultHere } from "../run-here.ts";

const REPORT = { format: "plimsoll.replay/1", duration: 10, trace: "t.csv", seed: 1, partial: null };
const LINES = Array.from({ length: 120 }, (_, index) =>
  requestLine(replayRecord({ index, ttftMs: 40 + (index % 7) }), 0),
).join("\n");

let folder: ScratchFolder;

async function write(name: string, report: string, requests: string): Promise<string> {
  await mkdir(folder.path(name), { recursive: true });
  await folder.write(`${name}/report.json`, report);
  await folder.write(`${name}/requests.jsonl`, requests);
  return folder.path(name);
}

beforeAll(async () => {
  folder = await scratchFolder();
});

afterAll(async () => {
  await folder[Symbol.asyncDispose]();
});

it("compares two runs, and says what differs between them", async () => {
  const a = await write("a", JSON.stringify(REPORT), LINES);
  const b = await write("b", JSON.stringify({ ...REPORT, seed: 2 }), LINES);
  const { code, stdout, stderr } = await resultHere("replay", "compare", a, b, "--json");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "The seeds differ: 1 and 2.\n" });
  expect(JSON.parse(stdout)).toMatchObject({
    paired: true,
    requests: { a: 120, b: 120 },
    warnings: ["The seeds differ: 1 and 2."],
    metrics: {
      p50_ttft_ms: { a: 43, b: 43, ratio: 1, ratio_95: [1, 1], verdict: "no difference" },
      p99_ttft_ms: { ratio_95: null, verdict: "too few" },
    },
  });
  const page = folder.path("compared.html");
  const text = await resultHere("replay", "compare", a, b, "--out", page);
  const html = await readFile(page, "utf8");
  expect(html.match(/<path class="line (plimsoll|eplb)"/g)).toHaveLength(6);
  expect(html).toMatch(/The seeds differ: 1 and 2\.[^]*p99[^]*>46\.0<[^]*p50_ttft_ms/);
  expect(text.code).toBe(0);
  expect(text.stdout).toMatch(/The seeds differ: 1 and 2\.\n[^]*p50_ttft_ms[^\n]*no difference/);
});

it.each([
  ["no folder", null, null, /no folder: holds no report\.json/],
  ["no JSON", "{", LINES, /report\.json: is no JSON/],
  [
    "a curve",
    '{"format":"plimsoll.replay-curve/1"}',
    LINES,
    /format is "plimsoll\.replay-curve\/1"; expected plimsoll\.replay\/1/,
  ],
  ["no duration", '{"format":"plimsoll.replay/1"}', LINES, /duration is no number above 0/],
  [
    "no request",
    JSON.stringify(REPORT),
    '{"index":1}',
    /requests\.jsonl: line 1 is no request of a replay: `request_id`/,
  ],
  ["half a line", JSON.stringify(REPORT), `${LINES}\n{"ind`, /requests\.jsonl: line 121 is no JSON/],
])("says in one line what is wrong with %s", async (name, report, requests, message) => {
  const good = await write("good", JSON.stringify(REPORT), LINES);
  const bad = report === null ? folder.path(name) : await write(name, report, requests ?? "");
  const { code, stdout, stderr } = await resultHere("replay", "compare", good, bad);
  expect({ code, stdout, lines: stderr.match(/\n/g)?.length }).toEqual({ code: 2, stdout: "", lines: 1 });
  expect(stderr).toMatch(message);
});
