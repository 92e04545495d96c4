import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
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
  server = await narrowServer(MOST_OPEN);
});

/** Refuses what is more than so many at one time. @param pauseMs before each answer: what is in flight overlaps */
async function narrowServer(most: number, pauseMs = 0): Promise<ScriptedServer> {
  const narrow = await scriptedServer(async (body, response) => {
    const refused = narrow.open > most;
    if (pauseMs > 0) await setTimeout(pauseMs);
    if (refused) response.writeHead(503).end();
    else await stream(body, response);
  });
  return narrow;
}

afterAll(async () => {
  vi.restoreAllMocks();
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

async function curve(...args: readonly string[]) {
  return curveOf(server, ...args);
}

async function curveOf({ url }: ScriptedServer, ...args: readonly string[]) {
  const out = join(folder, `run-${runs++}`);
  const lengths = args.includes("--trace") ? [] : ["--isl", "10", "--osl", "2"];
  const result = await resultHere("replay", "--url", url.href, "--out", out, ...lengths, ...args);
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

  it("leaves other tools' files of each step, and takes them away when it is replaced", async () => {
    const sweep = ["--sweep", "concurrency=2,1,2", "--requests", "6", "--settle", "0s"];
    const { out, report } = await curve(...sweep);
    const folders = ["concurrency_1", "concurrency_2", "concurrency_2_run_2"];
    const held = async () => (await readdir(out)).toSorted();
    expect(await held()).toEqual([
      ...folders,
      "report.html",
      "report.json",
      "requests.jsonl",
      "summary.json",
    ]);
    for (const [i, name] of ["concurrency_2", "concurrency_1", "concurrency_2_run_2"].entries()) {
      const of = async (file: string) => readFile(join(out, name, file), "utf8");
      const step = report.steps[i];
      expect(JSON.parse(await of("results.json"))).toMatchObject({
        completed: 6,
        max_concurrency: step.step_load,
        p99_ttft_ms: step.p99_ttft_ms,
      });
      expect((await of("profile_export.jsonl")).match(/\n/g)).toHaveLength(6);
      expect(JSON.parse(await of("profile_export_aiperf.json"))).toMatchObject({
        request_count: { avg: 6 },
        start_time: step.started_at,
      });
      expect(JSON.parse(await of("benchmark_report_v0.2.1.json"))).toMatchObject({
        scenario: { load: { standardized: { concurrency: step.step_load } } },
      });
    }
    const rows = JSON.parse(await readFile(join(out, "summary.json"), "utf8"));
    expect(rows.map((row: { max_concurrency: number }) => row.max_concurrency)).toEqual([2, 1, 2]);

    await writeFile(join(out, "concurrency_1", "mine"), "");
    const again = ["--out", out, "--force", "--isl", "10", "--osl", "2", "--concurrency", "1"];
    await resultHere("replay", "--url", server.url.href, ...again, "--requests", "2");
    expect((await held()).filter((name) => /concurrency|summary/.test(name))).toEqual(["concurrency_1"]);
    expect(await readdir(join(out, "concurrency_1"))).toEqual(["mine"]);
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

  it("is compared with another, load by load, and by the highest load of each", async () => {
    const sweep = ["--sweep", "concurrency=2:8:x2", "--find-max", "--settle", "0s", "--precision", "0.01"];
    const wanted = ["--requests", "12", "--goodput", "e2el:60000", "--attainment", "1"];
    await using wider = await narrowServer(MOST_OPEN, 60);
    await using narrower = await narrowServer(MOST_OPEN - 2, 60);
    const a = await curveOf(wider, ...sweep, ...wanted);
    const b = await curveOf(narrower, ...sweep, ...wanted);
    const { code, stdout } = await resultHere("replay", "compare", a.out, b.out, "--json");
    const compared = JSON.parse(stdout);
    expect({ code, format: compared.format }).toEqual({
      code: 0,
      format: "plimsoll.replay-curve-comparison/1",
    });
    expect(compared.steps.map(({ step_load }: { step_load: number }) => step_load)).toEqual([2, 4]);
    expect(compared.steps[0]).toMatchObject({
      requests: { a: 12, b: 12 },
      paired: true,
      metrics: {
        goodput_rate: { a: 1, b: 1, verdict: "no difference" },
        mean_itl_ms: { a: expect.any(Number) },
      },
    });
    expect(compared.steps[1].metrics.goodput_rate).toMatchObject({ a: 1, better: "higher" });
    expect(compared.steps[1].metrics.goodput_rate.b).toBeLessThan(1);
    expect(compared).toMatchObject({
      only_b: [3],
      max_load: {
        a: { held: MOST_OPEN, below: MOST_OPEN + 1, good_rate: 1 },
        b: { held: MOST_OPEN - 2, below: MOST_OPEN - 1 },
        ratio: 0.6,
        ratio_between: [0.5, 0.8],
        verdict: "worse",
      },
    });
    const page = join(folder, "compared.html");
    const text = (await resultHere("replay", "compare", a.out, b.out, "--out", page)).stdout;
    const html = await readFile(page, "utf8");
    expect(html.match(/<path class="line (plimsoll|eplb)"/g)).toHaveLength(12);
    expect(html).toMatch(/A held: 5\.0[^]*B held: 3\.0/);
    expect(html).toMatch(/<th[^>]*>4<\/th><td[^>]*>p50_ttft_ms</);
    expect(text).toMatch(/│ +4 │ p50_ttft_ms +│[^]*B\/A: 0\.600, between 0\.500 and 0\.800: B is worse/);

    const one = ["--concurrency", "1", "--requests", "2", "--isl", "5", "--osl", "2"];
    await resultHere("replay", "--url", server.url.href, "--out", join(folder, "one"), ...one);
    const mixed = await resultHere("replay", "compare", a.out, join(folder, "one"));
    expect(mixed).toMatchObject({ code: 2, stdout: "" });
    expect(mixed.stderr).toMatch(
      /^[^\n]*one\/report\.json: format is "plimsoll\.replay\/1"; expected[^\n]*curve[^\n]*\n$/,
    );
  });

  it("says in one line that two curves share no load", async () => {
    const played = (loads: string) => curve("--sweep", loads, "--requests", "2", "--settle", "0s");
    const [a, b] = [await played("concurrency=1"), await played("concurrency=2,3")];
    const apart = await resultHere("replay", "compare", a.out, b.out);
    expect(apart).toMatchObject({ code: 2, stdout: "" });
    expect(apart.stderr).toMatch(
      /^[^\n]*shares no load with[^\n]*: 2, 3 requests in flight, and 1 [^\n]*\n$/,
    );
    const rates = await played("rate=50");
    expect((await resultHere("replay", "compare", a.out, rates.out)).stderr).toMatch(
      /^[^\n]*sweep is "rate", and A's is "concurrency"[^\n]*\n$/,
    );
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
