import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { aiperf } from "../../loadtest/bench/replay/aiperf.ts";
import { FIGURES } from "../../loadtest/bench/replay/figures.ts";
import type { LoadTool } from "../../loadtest/bench/replay/load-tool.ts";
import { plimsollReplay } from "../../loadtest/bench/replay/plimsoll-replay.ts";
import { runReplayBench } from "../../loadtest/bench/replay/replay-bench.ts";
import { replayTables } from "../../loadtest/bench/replay/replay-tables.ts";
import { watchTool } from "../../loadtest/bench/replay/watched-tool.ts";
import { MockServer } from "../../src/replay/self-test/mock-server.ts";
import { patiently } from "../patiently.ts";

const CELL = {
  name: "small",
  streams: 4,
  times: { firstMs: { least: 5, most: 10 }, gapMs: { least: 2, most: 4 } },
};

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "plimsoll-replay-bench-"));
});
afterAll(() => rm(folder, { recursive: true }));

it("the side-by-side in small: what tools say, what the mock knows, and what is lost", async () => {
  // Of replay's run, the files in aiperf's form, read as aiperf's own are.
  const { read } = await aiperf(process.execPath, join(folder, "aiperf"));
  const inItsForm: LoadTool = { ...plimsollReplay, name: "in aiperf's form", read };
  const command = () => ({ file: "sh", args: ["-c", "echo no such thing; exit 3"], environment: {} });
  const all = await runReplayBench({
    tools: [plimsollReplay, inItsForm, { ...plimsollReplay, name: "broken", command }],
    cells: [CELL],
    repeats: 1,
    seconds: 0.3,
    seed: 1,
    warmUpSeconds: 0,
    folder,
    progress: () => {},
    signal: new AbortController().signal,
  });
  expect(all.map(({ tool, runs }) => [tool.name, runs.length])).toEqual([
    ["replay", 1],
    ["in aiperf's form", 1],
    ["broken", 0],
  ]);
  expect(all[2].broken).toEqual(["exit code 3; it said: no such thing"]);
  for (const { tool, runs } of all.slice(0, 2)) {
    const [{ measured, truth, requests, completed, failed, errors, late, ...use }] = runs;
    expect(requests).toBeGreaterThan(1);
    expect([completed, failed, errors.otherwise]).toEqual([requests, 0, 0]);
    expect(errors.ttft?.count).toBe(requests);
    expect(errors.itl?.count).toBeGreaterThan(30 * requests);
    expect(late.p99).toBeGreaterThan(0);
    expect(use.cpuSeconds).toBeGreaterThan(0.05);
    expect(use.peakBytes).toBeGreaterThan(0);
    expect(use.firstRequestMs).toBeLessThan(use.wallMs);
    for (const figure of FIGURES) {
      expect(truth[figure]).toBeGreaterThan(0);
      const said = tool === plimsollReplay || !figure.startsWith("TTFT from");
      expect(measured[figure] === null).toBe(!said);
    }
    // A first token comes after the server had the request and wrote it.
    expect(measured["TTFT p50"]).toBeGreaterThan(5);
  }
  const [ours, theirs] = all.map(({ runs }) => runs[0]);
  expect(theirs.requests).toBe(ours.requests);
  const { figures, costs } = replayTables(all);
  expect(figures.rows).toHaveLength(FIGURES.length);
  expect(costs.notes).toContain("small: a run of broken has no figures: exit code 3; it said: no such thing");
});

it("a tool that does not end is ended with all that it started, and said to be late", async () => {
  await using mock = new MockServer();
  await mock.listen(1, CELL.times);
  const command = { file: "sh", args: ["-c", "sleep 60 & echo $! > pid; wait"], environment: {} };
  await expect(watchTool(command, mock, 1, folder, 300)).rejects.toThrow(/^had not ended after [\d.]+ s/);
  const pid = Number(await readFile(join(folder, "pid"), "utf8"));
  await expect.poll(() => existsSync(`/proc/${pid}`), patiently).toBe(false);
});
