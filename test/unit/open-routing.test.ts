import { afterAll, beforeAll, expect, it } from "vitest";
import { openRouting } from "../../src/cli/simulation-inputs.ts";
import { writeNpyInt32 } from "../../src/formats/npy.ts";
import { SMALL_MODEL, SMALL_MOE_LAYERS } from "../../harness/small-model.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";

const TOKENS = 2;
const { topk, layers } = SMALL_MODEL;

let folder: ScratchFolder;
let said: string[];

beforeAll(async () => {
  folder = await scratchFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

/** Every selection of a row is of the expert of its number. */
async function opened(depth: number) {
  said = [];
  const ids = Int32Array.from({ length: TOKENS * depth * topk }, (_, i) => Math.floor(i / topk) % depth);
  const path = await folder.write(`${depth}.npy`, writeNpyInt32([TOKENS, depth, topk], ids));
  const trace = await openRouting(path, SMALL_MODEL, {
    json: false,
    result: () => {},
    progress: (line) => said.push(line.replace(path, "trace")),
  });
  return trace === null
    ? null
    : Array.from(trace.experts.filter((_, i) => i % topk === 0)).slice(0, trace.layers);
}

it("reads a trace of the layers with experts as it is", async () => {
  expect(await opened(SMALL_MOE_LAYERS)).toEqual([0, 1, 2, 3, 4, 5]);
  expect(said).toEqual([]);
});

it("reads the layers with experts of a trace of every layer", async () => {
  expect(await opened(layers)).toEqual([...SMALL_MODEL.moeLayers]);
  expect(said).toEqual(["trace: layers 1–6 of its 7 are read"]);
});

it("says where a trace of fewer layers stands for the model's", async () => {
  expect(await opened(2)).toEqual([0, 1]);
  expect(said).toEqual(["trace: its 2 layers stand for the 6 of small, in turn"]);
});

it("refuses any other depth", async () => {
  await expect(opened(9)).rejects.toThrow("shape has 9 layers; expected the 6 of small (layers 1–6)");
});
