import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { gainText } from "../../src/cli/gain-text.ts";
import { comparisonTable } from "../../src/cli/comparison-table.ts";
import { type LiveFacts, LiveSummary, liveTable } from "../../src/cli/live-summary.ts";
import type { PolicyResult } from "../../src/model/comparison.ts";

const facts: LiveFacts = {
  traffic: {
    elapsedMs: 83_000,
    leftMs: null,
    sent: 4000,
    inFlight: 38,
    completed: 3960,
    failed: 2,
    inputTokensPerSecond: 46_320.2,
    outputTokensPerSecond: 1180,
    ttftMs: { p50: 182.2, p95: 1401 },
    itlMs: { p50: 31.44, p95: 44.9 },
  },
  pool: {
    balancedness: { now: 0.871, start: 0.523 },
    nodeHopsPerToken: { now: 1.931, start: null },
    epoch: 12,
    movedSlots: 1614,
    decision: "kept the placement: moving 214 slots would win 1.8 % of step time but cost 2.1 s of transfer",
    lagMs: 3.2,
    simulation: {
      traffic: {
        name: "chat\u0007.csv",
        factor: 1.2,
        most: 2,
        paused: true,
        trace: { atMs: 133_000, lengthMs: 600_000, speed: 2 },
      },
      shifts: 0,
      lost: [3],
      slow: [],
    },
    dashboardUrl: "http://127.0.0.1:8080/",
  },
  keys: "k stop a GPU",
};

function widest(view: string): number {
  return Math.max(...view.split("\n").map((line) => line.length));
}

/** The row of a table that begins with `label`, as its cells. */
function row(view: string, label: string): string[] {
  const line = view.split("\n").find((each) => each.startsWith(`│ ${label} `)) ?? "";
  return line
    .split("│")
    .slice(2, -1)
    .map((cell) => cell.trim());
}

function result(title: string, changes: Partial<PolicyResult> = {}): PolicyResult {
  return {
    name: title,
    title,
    balancedness: 0.5,
    nodeHopsPerToken: 2.4,
    hopsPerToken: 5.9,
    meanStepMs: 60,
    tokensPerGpuSecond: 1200,
    movedSlots: 0,
    epochs: 1,
    ...changes,
  };
}

describe("the live view", () => {
  it("fits 80 columns and shows every fact", () => {
    const view = liveTable(facts);
    expect(widest(view)).toBe(80);
    expect(row(view, "Requests")).toEqual(["3,960 done", "38 in flight", "2 failed"]);
    expect(row(view, "Tokens/s")).toEqual(["1,180 out", "46,320 in", "00:01:23"]);
    expect(row(view, "First token")).toEqual(["p50 182 ms", "p95 1,401 ms", ""]);
    expect(row(view, "Between tokens")).toEqual(["p50 31.4 ms", "p95 44.9 ms", ""]);
    expect(row(view, "Balancedness")).toEqual(["0.871 now", "0.523 at start", ""]);
    expect(row(view, "Node hops/token")).toEqual(["1.931 now", "– at start", ""]);
    expect(row(view, "Placement")).toEqual(["epoch 12", "1,614 slots moved", "lag 3.20 ms"]);
    expect(view.replaceAll(/[\s│]+/g, " ")).toContain(facts.pool?.decision);
    expect(view).toContain("http://127.0.0.1:8080/");
    expect(view).toMatch(/│ Simulated +│ traffic ×1\.2, GPU 3 stopped +│/);
    expect(view).toMatch(/│ Played +│ chat\\u0007\.csv, 00:02:13 of 00:10:00, time ×2, paused +│/);
    expect(view).toMatch(/│ Keys +│ k stop a GPU +│/);
  });

  it("has no row for what there is not", () => {
    const { pool } = facts;
    const view = liveTable({ ...facts, pool: pool && { ...pool, simulation: null }, keys: null });
    expect(view).not.toContain("Simulated");
    expect(view).not.toContain("Keys");
  });

  it("says lines above the view, which stays", async () => {
    const terminal = Object.assign(new PassThrough(), { isTTY: true, columns: 80, rows: 40 });
    const summary = new LiveSummary(terminal as unknown as NodeJS.WriteStream);
    summary.update(facts);
    summary.say("GPU 3 stops\u0007");
    summary.close();
    terminal.end();
    const written = await text(terminal);
    const said = written.indexOf("GPU 3 stops");
    expect(said).toBeGreaterThan(written.indexOf("Balancedness"));
    expect(written.indexOf("Balancedness", said)).toBeGreaterThan(said);
    expect(written).not.toContain("\u0007");
  });

  it("shows traffic alone where there is no pool", () => {
    const view = liveTable({ ...facts, pool: null });
    expect(view).toContain("Requests");
    expect(view).not.toContain("Balancedness");
  });

  it("writes a line every five seconds where there is no terminal", async () => {
    const pipe = new PassThrough();
    const summary = new LiveSummary(pipe as unknown as NodeJS.WriteStream);
    for (let second = 1; second <= 12; second++) {
      summary.update({ ...facts, traffic: { ...facts.traffic, elapsedMs: second * 1000 } });
    }
    summary.close();
    pipe.end();
    const lines = (await text(pipe)).trimEnd().split("\n");
    expect(lines.map((line) => line.slice(0, 8))).toEqual(["00:00:01", "00:00:06", "00:00:11"]);
    expect(lines[0]).toContain("balancedness 0.871 (0.523 at start)");
    expect(lines[0]).toContain("1614 slots moved");
    expect(lines[0]).toContain("lag 3.20 ms in all");
  });
});

describe("the comparison", () => {
  const none = { steps: 0, tokens: 0, policies: [] };
  const asRun = {
    policies: [
      result("no redundancy"),
      result("EPLB, even shares", { balancedness: 0.7, movedSlots: 3712, epochs: 4 }),
      result("Plimsoll", { balancedness: 0.9, meanStepMs: 45, nodeHopsPerToken: null }),
    ],
    steps: 1234,
    tokens: 1_234_567,
  };
  const view = comparisonTable({ asRun, fullBatches: none, recordedShare: 0.43 });

  it("fits 80 columns, and 100 with a fourth policy", () => {
    expect(widest(view)).toBe(80);
    const policies = ["a", "b", "c", "d"].map((title) => result(title));
    const four = { policies, steps: 1, tokens: 1 };
    const wide = comparisonTable({ asRun: four, fullBatches: none, recordedShare: 1 });
    expect(widest(wide)).toBe(100);
  });

  it("has each policy's ratio to the first", () => {
    expect(row(view, "Balancedness")).toEqual(["0.500", "0.700   ×1.40", "0.900   ×1.80"]);
    expect(row(view, "Mean step, ms")).toEqual(["60.0", "60.0   ×1.00", "45.0   ×0.75"]);
    expect(row(view, "Slots moved")).toEqual(["0", "3,712", "0"]);
    expect(row(view, "Node hops/token")[2]).toMatch(/^–\s+×–$/);
  });

  it("has a second table for full batches, where the run had enough tokens for one", () => {
    expect(view).not.toContain("under full load");
    const both = comparisonTable({ asRun, fullBatches: { ...asRun, steps: 75 }, recordedShare: 0.43 });
    expect(both).toContain("as under full load, 1,234,567 tokens in 75 steps");
    expect(both.match(/│ Balancedness/g)).toHaveLength(2);
  });

  it("says how much of the run it speaks for", () => {
    expect(view).toContain("1,234,567 tokens in 1,234 steps (43.0 % of the run)");
  });
});

describe("the sentence on what was gained", () => {
  const policies = (figures: readonly number[], moved: readonly number[]) =>
    ["none", "eplb", "plimsoll"].map((name, i) => ({
      ...result(name, { tokensPerGpuSecond: figures[i], movedSlots: moved[i] }),
      name,
    }));
  const regime = (figures: readonly number[], steps: number) => ({
    steps,
    tokens: steps,
    policies: policies(figures, [0, 17_404, 2_697]),
  });
  const comparison = {
    recordedShare: 1,
    asRun: regime([1000, 1100, 1200], 10),
    fullBatches: regime([1000, 1300, 1500], 5),
  };

  it("is of what the pool carries, where that was measured", () => {
    const offered = { tokensPerSecond: 1, ttftMs: null, tpotMs: null, balancedness: null };
    const line = (name: string, mostTokensPerSecond: number) => ({
      name,
      title: name,
      mostTokensPerSecond,
      offered,
    });
    const lines = {
      offeredTokensPerSecond: 1,
      policies: [line("none", 100), line("eplb", 130), line("plimsoll", 160)],
    };
    expect(gainText(lines, comparison)).toBe(
      "Plimsoll carries 1.60 × as much as the same GPUs without balancing (EPLB 1.30 ×), and moved 2,697 slots where EPLB moved 17,404.",
    );
  });

  it("is else of full batches, or of the steps as they ran", () => {
    expect(gainText(null, comparison)).toMatch(
      /^Under full load Plimsoll forwards tokens 1\.50 × as fast as .* \(EPLB 1\.30 ×\), in this run's steps 1\.20 × \(EPLB 1\.\d\d ×\), and moved 2,697 /,
    );
    expect(
      gainText(null, { ...comparison, asRun: comparison.fullBatches, fullBatches: comparison.fullBatches }),
    ).toMatch(/^Plimsoll forwards tokens 1\.50 × .* \(EPLB 1\.30 ×\), and moved /);
    const few = { ...comparison, fullBatches: { steps: 0, tokens: 0, policies: [] } };
    expect(gainText(null, few)).toMatch(/^Plimsoll forwards tokens 1\.20 × as fast as /);
  });

  it("says where nothing was gained, and of which GPUs the figures are", () => {
    const same = {
      ...comparison.asRun,
      policies: comparison.asRun.policies.map((one) => ({ ...one, tokensPerGpuSecond: 1000 })),
    };
    const level = { ...comparison, asRun: same, fullBatches: same };
    const said = gainText(null, level, [{ kind: "lose", rank: 3 }, { kind: "pause" }]);
    expect(said).toMatch(/^Balancing gained nothing here: Plimsoll forwards tokens 1\.00 × as fast as /);
    expect(said).toMatch(/\. These figures are of all GPUs in service\.$/);
    expect(gainText(null, level, [{ kind: "pause" }])).not.toContain("in service");
  });

  it("is missing where nothing was forwarded", () => {
    const nothing = { steps: 0, tokens: 0, policies: [] };
    expect(gainText(null, { recordedShare: 0, asRun: nothing, fullBatches: nothing })).toBeNull();
  });
});
