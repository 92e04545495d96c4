import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ScriptedServer, scriptedServer, stream } from "../../harness/fakes/scripted-server.ts";
import { resultHere } from "../run-here.ts";

let folder: string;
let server: ScriptedServer;
let runs = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "plimsoll-loads-"));
  server = await scriptedServer(stream);
  const rows = [10, 20, 30].map((length, i) =>
    JSON.stringify({ timestamp: 1000 * i, input_length: length, output_length: 2, hash_ids: [i] }),
  );
  await writeFile(join(folder, "trace.jsonl"), rows.join("\n"));
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

interface Line {
  readonly index: number;
  readonly input_len: number;
  readonly warm_up?: boolean;
}

/** Runs a load against the server. @returns its report and its requests, by their position */
async function load(...args: readonly string[]) {
  const out = join(folder, `run-${runs++}`);
  const { code, stdout, stderr } = await resultHere(
    "replay",
    "--url",
    server.url.href,
    "--out",
    out,
    "--json",
    ...args,
  );
  if (code === 2) return { code, stderr, report: {}, lines: [] };
  const text = await readFile(join(out, "requests.jsonl"), "utf8");
  const lines = text
    .trimEnd()
    .split("\n")
    .map((line): Line => JSON.parse(line));
  lines.sort((a, b) => a.index - b.index);
  return { code, stderr, report: JSON.parse(stdout) as Record<string, unknown>, lines };
}

function trace(): string {
  return join(folder, "trace.jsonl");
}

describe("a load", () => {
  it("at a rate repeats the trace as often as it needs, and does not count the warm-up", async () => {
    const rate = ["--rate", "200", "--burstiness", "inf", "--requests", "5", "--warm-up", "2"];
    const { code, report, lines } = await load("--trace", trace(), ...rate);
    expect(code).toBe(0);
    expect(report).toMatchObject({
      load: "rate",
      request_rate: 200,
      burstiness: "inf",
      completed: 5,
      num_prompts: 5,
      warm_up_requests: 2,
      trace_passes: 3,
      total_output_tokens: 10,
    });
    expect(lines.map(({ input_len }) => input_len)).toEqual([10, 20, 30, 10, 20, 30, 10]);
    expect(lines.map(({ warm_up }) => warm_up === true).lastIndexOf(true)).toBe(1);
    expect(lines.filter(({ warm_up }) => warm_up === true)).toHaveLength(2);
  });

  it("of a concurrency needs no trace, and keeps so many in flight", async () => {
    server.mostOpen = 0;
    const lengths = ["--isl", "20:0.5", "--osl", "3"];
    const { code, report, lines } = await load(...lengths, "--concurrency", "3", "--requests", "12");
    expect(code).toBe(0);
    expect(report).toMatchObject({
      load: "concurrency",
      max_concurrency: 3,
      completed: 12,
      max_concurrent_requests: 3,
    });
    expect(report["trace"]).toBe("isl 20 ± 50.0 %, osl 3");
    expect(server.mostOpen).toBe(3);
    for (const { input_len } of lines) expect(Math.abs(input_len - 20)).toBeLessThanOrEqual(10);
  });

  it("of a window has what came in it", async () => {
    const { report, lines } = await load("--trace", trace(), "--window", "0.5:1.5", "--speed", "10");
    expect(report).toMatchObject({ completed: 1, trace_window_s: { from: 0.5, to: 1.5 } });
    expect(lines.map(({ input_len }) => input_len)).toEqual([20]);
  });

  it.each<[string, readonly string[], RegExp]>([
    [
      "two paces",
      ["--trace", "T", "--rate", "1", "--concurrency", "2"],
      /^--rate: does not go with --concurrency/,
    ],
    [
      "a speed without the trace's times",
      ["--trace", "T", "--rate", "1", "--speed", "2"],
      /^--speed: is of the trace's times/,
    ],
    ["burstiness of nothing", ["--trace", "T", "--burstiness", "2"], /^--burstiness: is of a rate/],
    [
      "lengths and a trace",
      ["--trace", "T", "--isl", "1", "--osl", "1", "--rate", "1"],
      /^--isl: replaces a trace's lengths/,
    ],
    ["lengths without times", ["--isl", "1", "--osl", "1", "--requests", "1"], /^--isl: says no times/],
    [
      "a trace without times",
      ["--trace", fileURLToPath(new URL("../golden/traces/sharegpt.json", import.meta.url))],
      /sharegpt\.json: says no times: all its requests would come at once; give --rate 10, --concurrency 64/,
    ],
    ["lengths without an end", ["--isl", "1", "--osl", "1", "--rate", "1"], /^--isl: says no end/],
    ["one length", ["--isl", "1", "--rate", "1", "--requests", "1"], /^--isl: needs --osl too/],
    ["an empty window", ["--trace", "T", "--window", "1h:2h"], /^--window: .*holds no request/],
    [
      "a smaller --max-in-flight",
      ["--trace", "T", "--concurrency", "9", "--max-in-flight", "8"],
      /^--max-in-flight: is below/,
    ],
    [
      "a ramp to nothing",
      ["--trace", "T", "--ramp", "2:0:1s", "--duration", "5"],
      /^--ramp: ends at a rate of 0/,
    ],
    ["a ramp that is none", ["--trace", "T", "--ramp", "1:2"], /Give two rates and a time/],
    ["a warm-up that is none", ["--trace", "T", "--warm-up", "0"], /Give a time with its unit/],
  ])("refuses %s in one line", async (_, args, message) => {
    const { code, stderr } = await load(...args.map((arg) => (arg === "T" ? trace() : arg)));
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(code).toBe(2);
  });
});
