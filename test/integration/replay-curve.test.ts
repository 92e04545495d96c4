import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type ScriptedServer, scriptedServer, stream } from "../../harness/fakes/scripted-server.ts";
import { Lateness } from "../../src/replay/client/lateness.ts";
import { emptyOutcome } from "../../src/replay/report/empty-outcome.ts";
import { resultHere } from "../run-here.ts";

const MOST_OPEN = 5;

let folder: string;
let server: ScriptedServer;
let runs = 0;

beforeAll(async () => {
  // How busy this machine is must not decide.
  const { client } = emptyOutcome(null);
  vi.spyOn(Lateness.prototype, "verdict").mockReturnValue(client);
  folder = await mkdtemp(join(tmpdir(), "plimsoll-curve-"));
  server = await scriptedServer((body, response) =>
    server.open > MOST_OPEN ? void response.writeHead(503).end() : stream(body, response),
  );
});

afterAll(async () => {
  vi.restoreAllMocks();
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

async function curve(...args: readonly string[]) {
  const out = join(folder, `run-${runs++}`);
  const lengths = args.includes("--trace") ? [] : ["--isl", "10", "--osl", "2"];
  const result = await resultHere("replay", "--url", server.url.href, "--out", out, ...lengths, ...args);
  const report = result.code === 2 ? {} : JSON.parse(await readFile(join(out, "report.json"), "utf8"));
  return { ...result, out, report };
}

describe("a load curve", () => {
  it("has a step for each load, in the table, the report and the requests", async () => {
    const sweep = ["--sweep", "concurrency=1:4:x2", "--requests", "8", "--settle", "0s"];
    const { code, stdout, report, out } = await curve(...sweep, "--goodput", "e2el:60000");
    expect(code).toBe(0);
    expect(report).toMatchObject({
      format: "plimsoll.replay-curve/1",
      sweep: "concurrency",
      loads: [1, 2, 4],
    });
    const steps = report.steps as Record<string, unknown>[];
    expect(steps).toHaveLength(3);
    for (const [i, load] of [1, 2, 4].entries())
      expect(steps[i]).toMatchObject({
        step_load: load,
        max_concurrency: load,
        max_concurrent_requests: load,
        completed: 8,
      });
    const lines = (await readFile(join(out, "requests.jsonl"), "utf8")).trimEnd().split("\n");
    const ids = lines.map((line) => JSON.parse(line) as { index: number; step_load: number });
    expect(ids.map(({ index }) => index).toSorted((a, b) => a - b)).toEqual(lines.map((_, i) => i));
    expect(ids.filter(({ step_load }) => step_load === 4)).toHaveLength(8);
    expect(stdout.split("\n").filter((line) => /│ +[124] │/.test(line))).toHaveLength(3);
  });

  it("finds the highest load that holds its targets", async () => {
    const sweep = ["--sweep", "concurrency=1:64:x4", "--find-max", "--requests", "30", "--settle", "0s"];
    const wanted = ["--goodput", "e2el:60000", "--attainment", "1", "--precision", "0.01"];
    const { code, stdout, report } = await curve(
      ...sweep,
      ...wanted,
      "--threshold",
      "max_load>=5",
      "max_load<5",
    );
    expect(report).toMatchObject({
      max_load: MOST_OPEN,
      max_load_below: MOST_OPEN + 1,
      max_load_precise: true,
    });
    expect(stdout).toMatch(/Highest load that held 100\.0 % good: 5 requests in flight \(100\.0 % of 30/);
    expect(report.thresholds.map(({ met }: { met: boolean }) => met)).toEqual([true, false]);
    expect(code).toBe(99);
  });

  it.each<[string, readonly string[], RegExp]>([
    ["a step without a sweep", ["--step", "3s", "--rate", "1", "--requests", "1"], /^--step: is of a curve/],
    ["a sweep and a rate", ["--sweep", "rate=1,2", "--rate", "1"], /^--rate: is of one load/],
    ["a search without targets", ["--sweep", "rate=1,2", "--find-max"], /^--find-max: needs targets/],
    ["a sweep of nothing", ["--sweep", "rate=0"], /Give rates above 0/],
    ["a sweep that stands still", ["--sweep", "rate=1:2:x1"], /Give first:last:xFACTOR/],
    ["half a stream", ["--sweep", "concurrency=1.5"], /Give whole numbers/],
    [
      "a time and a number",
      ["--sweep", "rate=1", "--step", "1s", "--requests", "2"],
      /^--step: does not go with/,
    ],
  ])("refuses %s in one line", async (_, args, message) => {
    const { code, stderr } = await curve(...args);
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(code).toBe(2);
  });
});
