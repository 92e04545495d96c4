import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeNpyInt32 } from "../../src/formats/npy.ts";
import { expectRefused } from "../bad-input.ts";
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
  await folder.write("few.npy", writeNpyInt32([3], Int32Array.of(0, 1, 0)));
  await folder.write("model.yaml", JSON.stringify(SMALL_MODEL));
  await folder.write("topology.yaml", JSON.stringify(SMALL_TOPOLOGY));
});
afterAll(() => folder[Symbol.asyncDispose]());

describe("simulate", () => {
  it("composes where the scenario says so: fewer node hops for the same requests", async () => {
    const run = async (assignment: string) => {
      const path = await scenario(`${assignment}.yaml`, { assignment });
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

  it("refuses settings that cannot be, in one line", async () => {
    const args = async (name: string, settings: Readonly<Record<string, unknown>>) => [
      "simulate",
      "--scenario",
      await scenario(name, settings),
    ];
    const cases = [
      [await args("a.yaml", { assignment: "best" }), "assignment"],
      [await args("b.yaml", { routing: null }), "tenants labels the tokens of `routing`, which is null"],
      [await args("c.yaml", { tenants: "few.npy" }), "few.npy: shape has 3 labels; expected 1000"],
    ] as const;
    await expectRefused(folder, cases);
  });
});
