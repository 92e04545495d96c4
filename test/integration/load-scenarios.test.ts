import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { program } from "../../src/cli/program.ts";
import { compose } from "../../src/compose.ts";
import { loadScenarioGateway } from "../../src/config/replay-scenario/load-scenario.ts";

const FOLDER = fileURLToPath(new URL("../../loadtest/scenarios/", import.meta.url));
/** Those of `simulate` say `durationSeconds`. */
const NAMES = readdirSync(FOLDER).filter(
  (name) => !readFileSync(FOLDER + name, "utf8").includes("durationSeconds:"),
);

interface Report {
  readonly partial: string | null;
  readonly scenario: { readonly title: string; readonly short: boolean };
  readonly events: readonly { readonly event: string; readonly error: string | null }[];
  readonly thresholds: readonly { readonly threshold: string; readonly met: boolean }[];
}

let folder: ScratchFolder;
const reports = new Map<string, Report>();

/** Plays the short form of each against a gateway in this process, some side by side: they wait more than they work. */
beforeAll(async () => {
  folder = await scratchFolder();
  const code = process.exitCode;
  const quiet = [process.stdout, process.stderr].map((stream) =>
    vi.spyOn(stream, "write").mockReturnValue(true),
  );
  try {
    await playAll(NAMES.filter((_, i) => i % 2 === 0));
    await playAll(NAMES.filter((_, i) => i % 2 === 1));
  } finally {
    for (const spy of quiet) spy.mockRestore();
    process.exitCode = code;
  }
  for (const name of NAMES)
    reports.set(name, JSON.parse(await readFile(`${folder.path(name)}/report.json`, "utf8")) as Report);
});
afterAll(() => folder[Symbol.asyncDispose]());

async function playAll(names: readonly string[]): Promise<void> {
  const gateways = await Promise.all(names.map((name) => gatewayOf(FOLDER + name)));
  try {
    await Promise.all(gateways.map(({ path, url }) => play(path, url)));
  } finally {
    await Promise.all(gateways.map(({ app }) => app.stop()));
  }
}

async function gatewayOf(path: string) {
  const config = await loadScenarioGateway(path, true);
  const quiet = { ...config, http: { ...config.http, logLevel: "silent" as const } };
  const app = await compose(quiet, { routing: null, recordTokens: 0, onFault() {}, onNotice() {} });
  const { url } = await app.start();
  // Answers wait for the pool's first snapshot.
  await app.pools()[0].simulated?.engine.models();
  return { app, path, url };
}

async function play(path: string, url: string): Promise<void> {
  const out = folder.path(basename(path));
  const args = ["replay", "--scenario", path, "--short", "--url", url, "--out", out];
  await (await program("replay")).parseAsync(args, { from: "user" });
}

test("there is one for each thing that a load test is to show", () => {
  expect(NAMES.toSorted()).toEqual([
    "diurnal-day.yaml",
    "expert-skew.yaml",
    "hot-tenant.yaml",
    "rank-loss.yaml",
    "rolling-restart.yaml",
    "slow-engine.yaml",
    "thundering-herd.yaml",
  ]);
});

describe.each(NAMES)("%s", (name) => {
  test("holds its thresholds in its short form", () => {
    const report = reports.get(name);
    expect(report).toMatchObject({ partial: null, scenario: { short: true } });
    expect(report?.events.filter(({ error }) => error !== null)).toEqual([]);
    expect(report?.thresholds.filter(({ met }) => !met)).toEqual([]);
    expect(report?.thresholds.length).toBeGreaterThan(0);
  });
});
