import { afterAll, beforeAll, expect, test } from "vitest";
import { scenarioIdentity } from "../../src/cli/scenario-identity.ts";
import { loadScenario } from "../../src/config/scenario.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";

let folder: ScratchFolder;
beforeAll(async () => {
  folder = await scratchFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

const PLAIN = {
  model: "qwen3-30b-a3b",
  topology: "1x8x18",
  trace: null,
  routing: null,
  durationSeconds: 0.5,
  sharesSeconds: 1,
  placementSeconds: 10,
  seed: 1,
};

async function identity(settings: Readonly<Record<string, unknown>>) {
  const path = await folder.write("run.yaml", JSON.stringify({ ...PLAIN, ...settings }));
  return Object.fromEntries(scenarioIdentity(path, await loadScenario(path)));
}

test("a report's head names what ran, and on what", async () => {
  expect(await identity({})).toEqual({
    Scenario: "run.yaml",
    Model: "qwen3-30b-a3b, experts in bf16",
    GPUs: "1 node × 8 GPUs, 18 slots each",
    "Type of GPU": "H800",
    Traffic: "conversation, drawn",
    "Requests arrive for": "0.50 s",
    "Forward passes": "analytic",
    Seed: "1",
  });
});

test("it has all GPUs where some share experts, and what a scenario need not say", async () => {
  const shared = { attention: { tp: 2 }, experts: { tp: 2 }, gpu: "b200", precision: "fp8" };
  const told = await identity({
    ...shared,
    decodeTopology: "2x8x9",
    engine: "vllm",
    constants: { engine: "trtllm" },
    dispatch: "even",
    admission: { maxInFlight: 5 },
    speculation: { draftTokens: 3, acceptance: 0.7 },
    faults: [{ pool: "decode", rank: 0, atSeconds: 1 }],
  });
  expect(told).toMatchObject({
    Model: "qwen3-30b-a3b, experts in fp8",
    "GPUs of prompts": "8 GPUs (4 ranks of 2, every expert on 2), 36 slots on every 2",
    "GPUs that decode": "16 GPUs (8 ranks of 2, every expert on 2), 18 slots on every 2",
    "Type of GPU": "B200, as TensorRT-LLM uses it",
    Engine: "vllm",
    Dispatch: "even",
    Drafts: "3 tokens, each right with 70 %",
    "In flight at most": "5",
    Faults: "1",
  });
});
