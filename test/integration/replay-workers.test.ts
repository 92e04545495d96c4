import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { type ScriptedServer, scriptedServer, stream } from "../../harness/fakes/scripted-server.ts";
import type { ReplayFlags } from "../../src/cli/replay/flags.ts";
import { openRequests } from "../../src/cli/replay/open-requests.ts";
import { readSettings } from "../../src/cli/replay/settings.ts";
import { WorkerPlayer } from "../../src/cli/replay/workers/worker-player.ts";
import { emptyOutcome } from "../../src/replay/report/empty-outcome.ts";
import { resultHere } from "../run-here.ts";

const LOAD = ["--isl", "20:0.5", "--osl", "3", "--rate", "60", "--requests", "20", "--warm-up", "4"];

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "plimsoll-workers-"));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

interface Line {
  readonly index: number;
  readonly scheduled_ms: number;
  readonly input_len: number;
  readonly warm_up?: true;
}

async function played(server: ScriptedServer, workers: number) {
  const out = join(folder, `run-${workers}`);
  const to = ["--url", server.url.href, "--out", out, "--workers", `${workers}`];
  const { code, stderr } = await resultHere("replay", ...LOAD, ...to);
  const report = JSON.parse(await readFile(join(out, "report.json"), "utf8")) as Record<string, unknown>;
  const lines = (await readFile(join(out, "requests.jsonl"), "utf8")).trimEnd().split("\n");
  const requests = lines.map((line) => {
    const { index, scheduled_ms, input_len, warm_up }: Line = JSON.parse(line);
    return { index, scheduled_ms, input_len, warm_up };
  });
  return { code, stderr, report, requests: requests.toSorted((a, b) => a.index - b.index) };
}

it("several workers send what one does, at the same times, and are measured as one", async () => {
  await using server = await scriptedServer(stream);
  const one = await played(server, 1);
  const two = await played(server, 2);
  expect(two.requests).toEqual(one.requests);
  expect(two).toMatchObject({ code: 0, report: { completed: 20, warm_up_requests: 4, workers: 2 } });
  for (const key of ["total_input_tokens", "total_output_tokens", "samples", "frames", "finish_reasons"])
    expect(two.report[key]).toEqual(one.report[key]);
});

const MOST_OPEN = 4;
/** So long that what workers say of a step comes while it lasts. */
const CROWDED_MS = 100;

it("several workers search for the highest load together, and end a step that is lost", async () => {
  const { client } = emptyOutcome(null);
  const { play } = WorkerPlayer.prototype;
  // How busy this machine is must not decide.
  vi.spyOn(WorkerPlayer.prototype, "play").mockImplementation(async function (this: WorkerPlayer, ...args) {
    const whole = await play.apply(this, args);
    return { ...whole, outcome: { ...whole.outcome, client } };
  });
  await using server = await scriptedServer(async (body, response) => {
    const refused = server.open > MOST_OPEN;
    await setTimeout(1);
    if (server.open > MOST_OPEN) await setTimeout(CROWDED_MS);
    if (refused) response.writeHead(503).end();
    else await stream(body, response);
  });
  const out = join(folder, "search");
  const sweep = ["--sweep", "concurrency=4,10", "--find-max", "--precision", "1", "--settle", "0s"];
  const wanted = ["--requests", "240", "--goodput", "e2el:60000", "--attainment", "1"];
  const to = ["--url", server.url.href, "--out", out, "--workers", "2", "--isl", "5", "--osl", "1"];
  const { code } = await resultHere("replay", ...to, ...sweep, ...wanted);
  vi.restoreAllMocks();
  const report = JSON.parse(await readFile(join(out, "report.json"), "utf8"));
  expect({ code, ...report }).toMatchObject({
    code: 0,
    workers: 2,
    partial: null,
    max_load: 4,
    max_load_below: 7,
    max_load_precise: true,
    max_load_good_rate: 1,
  });
  const early = "lost before it was over";
  expect(report.steps).toMatchObject([
    { step_load: 4, verdict: "held", partial: null, completed: 240, failed: 0 },
    { step_load: 10, verdict: "lost", partial: early, failures: { http_503: expect.any(Number) } },
    { step_load: 7, verdict: "lost", partial: early },
  ]);
  const lines = (await readFile(join(out, "requests.jsonl"), "utf8")).trimEnd().split("\n");
  const indexes = lines.map((line) => (JSON.parse(line) as Line).index);
  expect(new Set(indexes).size).toBe(indexes.length);
  for (const { sent } of report.steps.slice(1)) expect(sent).toBeLessThan(240);
});

it("a worker that dies is said, and what the others did is kept", async () => {
  const asked = Promise.withResolvers<void>();
  await using server = await scriptedServer(async (body, response) => {
    if (server.bodies.length >= 4) asked.resolve();
    await stream(body, response);
  });
  const flags = {
    isl: { tokens: 5, spread: 0 },
    osl: { tokens: 2, spread: 0 },
    concurrency: 2,
    requests: 200,
    url: server.url.href,
    endpoint: "chat",
    lengths: "forced",
    keepAlive: true,
    speed: 1,
    seed: 1,
    cancel: 0,
    retries: 0,
    workers: 2,
  } as unknown as ReplayFlags;
  const settings = readSettings(flags, {});
  const requests = await openRequests(flags, settings.requests);
  const trace = { reading: requests.reading(), passes: 1 };
  const player = await WorkerPlayer.open(2, flags, "m1", null, trace);
  try {
    if (settings.load === null) throw new Error("the flags say a load");
    const [pid = Number.NaN, other = Number.NaN] = player.pids;
    const kill = () => {
      // What reaches every process of a terminal or of a group is not a worker's to follow.
      for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.kill(other, signal);
      return process.kill(pid, "SIGKILL");
    };
    void asked.promise.then(kill);
    const { outcome, faults } = await player.play(settings.load, () => {}, new AbortController().signal);
    expect(faults).toEqual(["worker 1 of 2 died (SIGKILL)"]);
    expect(outcome.client.valid).toBe(false);
    expect(outcome.client.why.at(-1)).toMatch(/^worker 1 of 2 died \(SIGKILL\), and its part/);
    // The other's half is whole.
    expect(outcome.completed).toBeGreaterThanOrEqual(100);
    expect(outcome.completed).toBeLessThan(200);
  } finally {
    await player.close();
  }
});
