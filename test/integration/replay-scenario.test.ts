import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type FakeServer, startOpenAiServer } from "../../harness/fakes/start-openai-server.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { expectRefused } from "../bad-input.ts";
import { startCli } from "../run-cli.ts";
import { resultHere } from "../run-here.ts";

const LOAD = `title: A try
shows: Something.
duration: 1500ms
load:
  steady: { rate: 20, burstiness: 1000, isl: 20, osl: 2, tenant: search }
  late: { burst: 5, from: 1s, isl: 20, osl: 2 }
`;
const POOL = `gateway:
  control: { rankSilenceMs: 0 }
  pools: [{ name: demo, kind: simulated, model: gpt-oss-20b, topology: 1x2x20, seed: 1 }]
`;
const EVENTS = `events:
  - { at: 300ms, slow: { rank: 1, factor: 2 } }
  - { at: 500ms, stop: 0 }
`;

let folder: ScratchFolder;
let server: FakeServer;
beforeAll(async () => {
  folder = await scratchFolder();
  server = await startOpenAiServer();
});
afterAll(async () => {
  await server?.kill();
  await folder[Symbol.asyncDispose]();
});

function play(path: string, out: string, ...more: readonly string[]) {
  return resultHere("replay", "--scenario", path, "--out", folder.path(out), "--json", ...more);
}

describe("against its own gateway", () => {
  let run: { readonly code: number | null; readonly stderr: string };
  let report: Record<string, unknown>;
  beforeAll(async () => {
    const thresholds = "thresholds:\n  - failed == 0\n  - { that: completed > 1000, stream: late }\n";
    const path = await folder.write("own.yaml", LOAD + POOL + EVENTS + thresholds);
    run = await play(path, "own");
    report = JSON.parse(await readFile(folder.path("own/report.json"), "utf8")) as Record<string, unknown>;
  });

  test("a threshold that is missed is the run's exit code, and is named", () => {
    expect(run.code).toBe(99);
    expect(report).toMatchObject({ partial: null, load: "trace", trace_format: "scenario", failed: 0 });
    expect(report["thresholds"]).toEqual([
      { threshold: "failed == 0 from 0 s to 1.5 s", value: 0, met: true },
      { threshold: "completed > 1000 from 0 s to 1.5 s, stream late", value: 5, met: false },
    ]);
  });

  test("what happened is said, and is in the report with its time", () => {
    expect(report["scenario"]).toMatchObject({ title: "A try", shows: "Something.", short: false });
    expect(report["events"]).toMatchObject([
      { at_s: 0.3, pool: "demo", event: "GPU 1 is 2 × slower", error: null },
      { at_s: 0.5, pool: "demo", event: "GPU 0 ends what it has and stops", error: null },
    ]);
    const events = report["events"] as readonly { readonly at_s: number; readonly done_at_s: number }[];
    for (const { at_s, done_at_s } of events) expect(done_at_s).toBeGreaterThanOrEqual(at_s);
    expect(report["pool"]).toMatchObject({ missing_experts: 0, lost_ranks: 0 });
    expect(report["tenants"]).toHaveProperty("search");
    for (const line of ["late: 5 at once", "GPU 1 is 2 × slower"])
      expect(run.stderr).toMatch(new RegExp(`^[0-9.]+ s: ${line}$`, "m"));
  });

  test("the page has the events as lines in its charts", async () => {
    const page = await readFile(folder.path("own/report.html"), "utf8");
    expect(page).toContain("A try");
    expect(page).toContain("GPU 1 is 2 × slower");
    expect(page.match(/class="mark-label"[^>]*>[12]</g)?.length).toBeGreaterThan(4);
  });

  test("requests carry their stream as their class", async () => {
    const lines = (await readFile(folder.path("own/requests.jsonl"), "utf8")).trim().split("\n");
    const classes = lines.map((line) => (JSON.parse(line) as { class: string }).class);
    expect(classes.filter((one) => one === "late")).toHaveLength(5);
    expect(new Set(classes)).toEqual(new Set(["steady", "late"]));
  });
});

test("the gateway of a scenario, in `demo`, is as it was when the run is over; a rank that it has not is refused", async () => {
  const path = await folder.write("given.yaml", LOAD + POOL + EVENTS);
  const demo = startCli("demo", "--scenario", path, "--port", "0", "--json");
  try {
    const [said] = (await once(demo.stdout, "data")) as [Buffer];
    const { url } = JSON.parse(String(said)) as { url: string };
    const { code, stdout } = await play(path, "given", "--url", url);
    expect(code).toBe(0);
    const { events, sent, failed } = JSON.parse(stdout) as Record<string, unknown>;
    const before = JSON.parse(await readFile(folder.path("own/report.json"), "utf8")) as { sent: number };
    expect({ sent, failed }).toEqual({ sent: before.sent, failed: 0 });
    expect(events).toHaveLength(2);
    const missing = await folder.write("missing.yaml", LOAD + POOL + EVENTS.replace("stop: 0", "stop: 2"));
    const message = "has 2 ranks in pool demo, and an event is for rank 2";
    await expectRefused(folder, [[["replay", "--scenario", missing, "--url", url], message]]);
    // All is answered, and nothing more comes.
    const early = `${LOAD.replace("1500ms", "30s").replace("tenant: search", "to: 1s")}events: [{ at: 20s, lose: 1 }]`;
    const over = await play(await folder.write("early.yaml", early), "early", "--url", url);
    expect(over.code).toBe(1);
    expect(JSON.parse(over.stdout)).toMatchObject({
      partial: "GPU 1 stops: not before the run was over",
      events: [],
    });
    const state = await (await fetch(`${url}/admin/pools/demo/simulation`)).json();
    expect(state).toEqual({ pool: "demo", traffic: null, shifts: 0, lost: [], slow: [] });
  } finally {
    demo.kill("SIGTERM");
    if (demo.exitCode === null) await once(demo, "exit");
  }
  expect(demo.exitCode).toBe(0);
});

test("without events it is played against any server, by two workers as by one", async () => {
  const path = await folder.write("any.yaml", `${LOAD}thresholds: ["failed == 0"]`);
  const { code, stdout } = await play(path, "any", "--url", server.url, "--workers", "2");
  expect(code).toBe(0);
  const before = JSON.parse(await readFile(folder.path("own/report.json"), "utf8")) as { sent: number };
  expect(JSON.parse(stdout)).toMatchObject({ sent: before.sent, workers: 2, events: [] });
});

test("what cannot be played is refused in one line, before anything is sent", async () => {
  const seen = (await server.seen()).length;
  const events = await folder.write("events.yaml", LOAD + EVENTS);
  const pool = await folder.write("pool.yaml", `${LOAD}thresholds: ["pool.missing_experts == 0"]`);
  const none = await folder.write("none.yaml", LOAD);
  const typo = await folder.write("typo.yaml", `${LOAD}thresholds: ["fialed == 0"]`);
  const replay = (path: string, ...more: readonly string[]) => ["replay", "--scenario", path, ...more];
  await expectRefused(folder, [
    [
      replay(events, "--url", server.url),
      "has no simulated pool that this machine may change; leave --url out",
    ],
    [replay(pool, "--url", server.url), "says nothing of a pool of experts, which thresholds are about"],
    [replay(none), "none.yaml: gateway is missing"],
    [replay(typo), "typo.yaml:7:14: fialed == 0 names fialed, which is no number of the report"],
    [replay(none, "--rate", "5"), "--rate: is what the scenario says"],
    [replay(none, "--find-max"), "--find-max: is what the scenario says"],
    [["replay", "--short", "--isl", "5"], "--short: is of a scenario; give --scenario too"],
  ]);
  for (const [flags, message] of [
    [["--scenario", none, "--model", "gpt-oss-20b"], "--model: does not go with --scenario"],
    [["--scenario", none], "none.yaml: gateway is missing"],
    [["--short"], "--short: is of a scenario; give --scenario too"],
  ] as const)
    expect(await resultHere("demo", ...flags)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(message) as string,
    });
  const asked = (await server.seen()).slice(seen).filter(({ method }) => method === "POST");
  expect(asked).toEqual([]);
});
