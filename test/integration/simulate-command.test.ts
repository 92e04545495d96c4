import { readFile, readdir } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeNpyInt32 } from "../../src/formats/npy.ts";
import { expectExit2, expectRefused } from "../bad-input.ts";
import { cliResult, startCli } from "../run-cli.ts";
import { runHere } from "../run-here.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { SMALL_MODEL, SMALL_TOPOLOGY } from "../../harness/small-model.ts";
import { twoTenants } from "../two-tenants.ts";

let folder: ScratchFolder;

const SETTINGS = {
  trace: null,
  requestsPerSecond: 100,
  routing: "routing.npy",
  tenants: "tenants.npy",
  durationSeconds: 1,
  sharesSeconds: 0.05,
  placementSeconds: 0.2,
  recordTokens: 2000,
  seed: 1,
};

/** Routing of the model's own kind. */
const DRAWN = { routing: null, tenants: undefined };

/** A scenario file of the small pool; JSON is YAML. */
function scenario(name: string, settings: Readonly<Record<string, unknown>>): Promise<string> {
  const shapes = { model: folder.path("model.yaml"), topology: folder.path("topology.yaml") };
  return folder.write(name, JSON.stringify({ ...shapes, ...SETTINGS, ...settings }));
}

beforeAll(async () => {
  folder = await scratchFolder();
  const { trace, tenants } = twoTenants(SMALL_MODEL.experts, SMALL_MODEL.topk, 20, 50);
  const ids = Int32Array.from(trace.experts);
  await folder.write("routing.npy", writeNpyInt32([trace.tokens, 1, trace.topk], ids));
  await folder.write("tenants.npy", writeNpyInt32([trace.tokens], tenants));
  // Requests as long as a run of one tenant's tokens: each is of one tenant.
  const own = Array.from({ length: 200 }, (_, i) => ({
    timestamp: 4 * i,
    input_length: 40,
    output_length: 10,
  }));
  await folder.write("own.jsonl", own.map((request) => JSON.stringify(request)).join("\n"));
  await folder.write("few.npy", writeNpyInt32([3], Int32Array.of(0, 1, 0)));
  await folder.write("model.yaml", JSON.stringify(SMALL_MODEL));
  await folder.write("topology.yaml", JSON.stringify(SMALL_TOPOLOGY));
});
afterAll(() => folder[Symbol.asyncDispose]());

describe("simulate", () => {
  it("composes where the scenario says so: fewer node hops for the same requests", async () => {
    const run = async (assignment: string) => {
      const settings = { assignment, policies: ["plimsoll"], trace: "own.jsonl" };
      const path = await scenario(`${assignment}.yaml`, settings);
      return JSON.parse(
        await runHere("simulate", "--scenario", path, "--out", folder.path(assignment), "--json"),
      ).run;
    };
    const [blind, composed] = [await run("least-in-flight"), await run("composed")];
    for (const figure of ["requests", "refused", "inputTokens", "outputTokens"]) {
      expect(composed[figure]).toBe(blind[figure]);
    }
    expect(composed.nodeHopsPerToken).toBeLessThan(blind.nodeHopsPerToken);
  });

  it("leaves a folder in which the policies' figures, requests, windows and steps agree", async () => {
    const path = await scenario("all.yaml", { slo: { ttftMs: 5, tpotMs: 1 } });
    const said = JSON.parse(
      await runHere("simulate", "--scenario", path, "--out", folder.path("all"), "--json"),
    );
    expect((await readdir(folder.path("all"))).toSorted()).toEqual([
      "report.html",
      "report.json",
      "requests.jsonl",
      "series.csv",
      "trace.json",
    ]);
    const read = (name: string) => readFile(folder.path(`all/${name}`), "utf8");
    expect(JSON.parse(await read("report.json"))).toEqual(said);
    const requests = (await read("requests.jsonl"))
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const [header, ...rows] = (await read("series.csv"))
      .trimEnd()
      .split("\n")
      .map((line) => line.split(","));
    const { traceEvents } = JSON.parse(await read("trace.json"));
    const names = said.policies.map(({ name }: { name: string }) => name);
    expect(names).toEqual(["none", "eplb", "plimsoll"]);
    expect(said.run).toEqual(said.policies[2]);
    for (const [i, figures] of said.policies.entries()) {
      const own = requests.filter(({ policy }) => policy === figures.name);
      expect(own).toHaveLength(figures.requests);
      expect(own.filter(({ outcome }) => outcome === "completed")).toHaveLength(figures.completed);
      const ttft = own.map(({ ttft_ms }) => ttft_ms).toSorted((a, b) => a - b);
      expect(ttft[Math.ceil(ttft.length * 0.95) - 1]).toBeCloseTo(figures.ttftMs.p95, 2);
      expect(figures.goodput.requests).toBe(
        own.filter(({ ttft_ms, tpot_ms }) => ttft_ms <= 5 && (tpot_ms ?? 0) <= 1).length,
      );
      const windows = rows.filter(([policy]) => policy === figures.name);
      const steps = header.indexOf("steps");
      expect(windows.reduce((sum, row) => sum + Number(row[steps]), 0)).toBe(figures.steps);
      const spans = traceEvents.filter(
        (event: { ph: string; pid: number }) => event.ph === "X" && event.pid === i + 1,
      );
      expect(spans.reduce((sum: number, { args }: { args: { steps: number } }) => sum + args.steps, 0)).toBe(
        figures.steps,
      );
    }
    // The same requests for every policy.
    const sent = (name: string) =>
      requests
        .filter(({ policy }) => policy === name)
        .map(({ index, arrival_ms, input_len, output_len }) => [index, arrival_ms, input_len, output_len])
        .toSorted(([a], [b]) => a - b);
    expect(sent("none")).toEqual(sent("plimsoll"));
    expect(await read("report.html")).toContain("<h2>How far to trust this</h2>");
  });

  it("is stopped by Ctrl-C, says so and leaves nothing", async () => {
    const path = await scenario("long-run.yaml", { durationSeconds: 36_000 });
    const before = await folder.names();
    const child = startCli("simulate", "--scenario", path, "--out", folder.path("stopped"));
    while (!(await folder.names()).includes("stopped"))
      await new Promise((resolve) => setTimeout(resolve, 20));
    child.kill("SIGINT");
    const { code, stdout, stderr } = await cliResult(child);
    expect({ code, stdout }).toEqual({ code: 130, stdout: "" });
    expect(stderr).toContain(`stopped; nothing was written to ${folder.path("stopped")}\n`);
    expect(await folder.names()).toEqual(before);
  });

  it("refuses a trace that cannot be, and a key that is not known, in one line", async () => {
    const row = (timestamp: number, input_length: unknown = 10, output_length: unknown = 2) =>
      JSON.stringify({ timestamp, input_length, output_length });
    const header = "TIMESTAMP,ContextTokens,GeneratedTokens";
    const traces = {
      "empty.csv": ["", "line 1 begins neither an Azure trace"],
      "header.csv": [`${header}\n`, "header.csv: holds no requests; expected at least one"],
      "negative.csv": [
        `${header}\n2023-11-16 18:15:46,-3,1\n`,
        "line 2 ContextTokens is '-3'; expected tokens, in 1..",
      ],
      "zero.jsonl": [row(0, 10, 0), "line 1 output_length is 0"],
      "words.jsonl": [row(0, "many"), "line 1 input_length is"],
      "back.jsonl": [
        [row(5), row(5), row(4)].join("\n"),
        "line 3 timestamp is 4, earlier than 5 before it; sort the lines by time",
      ],
    };
    const cases = await Promise.all(
      Object.entries(traces).map(async ([name, [content, message]]) => {
        await folder.write(name, content);
        const path = await scenario(`${name}.yaml`, { ...DRAWN, trace: name });
        return [["simulate", "--scenario", path], message] as const;
      }),
    );
    const misspelt = await scenario("key.yaml", { placementSecond: 1 });
    const key = "has no setting `placementSecond`; did you mean `placementSeconds`?";
    await expectExit2(folder, [...cases, [["simulate", "--scenario", misspelt], key]]);
  });

  it("runs any model on GPUs that are named by their sizes, and says which", async () => {
    const path = await scenario("named.yaml", {
      ...DRAWN,
      model: "gpt-oss-20b",
      topology: "1x4",
      requestsPerSecond: 20,
      durationSeconds: 0.1,
    });
    const report = JSON.parse(
      await runHere("simulate", "--scenario", path, "--out", folder.path("named"), "--json"),
    );
    expect(report).toMatchObject({
      model: "gpt-oss-20b",
      topology: { nodes: 1, gpusPerNode: 4, slotsPerGpu: 9 },
      run: { refused: 0, nodeHopsPerToken: 0 },
    });
    expect(report.run.requests).toBeGreaterThan(0);
  });

  it("runs on any type of GPU, in any precision, with GPUs that share attention and experts", async () => {
    const runOf = async (name: string, settings: Readonly<Record<string, unknown>>) => {
      const few = { ...DRAWN, assignment: "least-load", requestsPerSecond: 40, durationSeconds: 0.2 };
      const path = await scenario(`${name}.yaml`, { ...few, ...settings });
      return JSON.parse(await runHere("simulate", "--scenario", path, "--out", folder.path(name), "--json"));
    };
    const h200 = await runOf("h200", { gpu: "h200" });
    const b200 = await runOf("b200", { gpu: "b200", precision: "fp4" });
    // Half as many layers' worth of launches would not do: the small model is all fixed times.
    expect(h200.run.tpotMs.p50).toBeGreaterThan(SMALL_MODEL.layers * 0.08);
    expect(b200.run.tpotMs.p50).toBeLessThan(h200.run.tpotMs.p50);
    const shared = await runOf("shared", { gpu: "h200", attention: { tp: 4 }, experts: { tp: 2 } });
    expect(shared.topology).toEqual({ nodes: 2, gpusPerNode: 1, slotsPerGpu: 20 });
    expect(shared.run).toMatchObject({ refused: 0, requests: h200.run.requests });
    expect(shared.run.outputTokens).toBe(h200.run.outputTokens);
  });

  it("refuses requests that are too long one by one, and a run in which all are", async () => {
    const lines = (...inputs: readonly number[]) =>
      inputs.map((input_length, i) =>
        JSON.stringify({ timestamp: i * 100, input_length, output_length: 2, hash_ids: [] }),
      );
    await folder.write("long.jsonl", lines(100_000, 300_000).join("\n"));
    await folder.write("one-long.jsonl", lines(10, 300_000).join("\n"));
    // Room for some 63,000 tokens.
    const tight = { ...DRAWN, model: "kimi-k2-thinking", topology: "2x8x27", policies: ["plimsoll"] };
    const one = await scenario("one-long.yaml", { ...tight, trace: "one-long.jsonl", durationSeconds: 0.2 });
    const report = JSON.parse(
      await runHere("simulate", "--scenario", one, "--out", folder.path("one-long"), "--json"),
    );
    expect(report.run).toMatchObject({ requests: 2, refused: 1 });
    const all = await scenario("long.yaml", { ...tight, trace: "long.jsonl" });
    const hint =
      /long\.yaml: topology leaves a rank room for requests of up to \d+ tokens, and all 2 are longer/;
    await expect(runHere("simulate", "--scenario", all, "--out", folder.path("long"))).rejects.toThrow(hint);
    expect(await folder.names()).not.toContain("long");
  });

  it("refuses settings that cannot be, in one line", async () => {
    const args = async (name: string, settings: Readonly<Record<string, unknown>>) => [
      "simulate",
      "--scenario",
      await scenario(name, settings),
    ];
    const cases = [
      [await args("a.yaml", { assignment: "best" }), "assignment"],
      [await args("b.yaml", { routing: null }), "tenants labels the tokens of `routing`, which is null"],
      [await args("gpu.yaml", { gpu: "h2000" }), 'gpu is "h2000"; expected one of b200, b300, gb200'],
      [
        await args("fit.yaml", {
          ...DRAWN,
          model: "deepseek-v3",
          topology: "1x8x32",
          gpu: "h100",
          precision: "bf16",
        }),
        "topology cannot serve deepseek-v3: a GPU's weights take",
      ],
      [await args("c.yaml", { tenants: "few.npy" }), "few.npy: shape has 3 labels; expected 1000"],
      [await args("d.yaml", { topology: "2x2x" }), 'topology is "2x2x"; expected nodes x GPUs x slots'],
      [
        await args("e.yaml", { ...DRAWN, model: "deepseek-v3", topology: "1x8" }),
        "e.yaml: topology cannot serve deepseek-v3: a GPU's weights take 111.1 GB (36 expert slots with 2.6 GB each",
      ],
    ] as const;
    await expectRefused(folder, cases);
  });
});
