import { describe, expect, test } from "vitest";
import { loadEngineTopology, loadTopology } from "../../src/config/topologies.ts";
import { InputError } from "../../src/lib/errors.ts";

const place = { sourceOf: () => "--topology", field: [] };

function topology(name: string, experts: number) {
  return loadTopology(name, experts, place);
}

describe("a topology", () => {
  test.each([
    ["4x8x9", 256, [4, 8, 9]],
    ["1X8x16", 128, [1, 8, 16]],
    ["ep32", 256, [4, 8, 9]],
    // An eighth more slots than experts, as DeepSeek has them.
    ["4x8", 256, [4, 8, 9]],
    ["1x4", 32, [1, 4, 9]],
    ["4x8", 384, [4, 8, 14]],
    // Fewer experts than GPUs; and never two slots for an expert on one GPU.
    ["4x8", 8, [4, 8, 1]],
    ["1x1", 8, [1, 1, 8]],
  ] as const)("%s of %i experts", async (name, experts, [nodes, gpusPerNode, slotsPerGpu]) => {
    expect(await topology(name, experts)).toEqual({ nodes, gpusPerNode, slotsPerGpu });
  });

  test.each([
    ["4x8x", /is "4x8x"; expected nodes x GPUs x slots like 4x8x9, .*\(ep32\), or a file/],
    ["4x0", /is "4x0"; expected/],
    ["../ep32", /is "\.\.\/ep32"; expected/],
    ["1x8x9", /has 72 slots; expected at least the 256 experts of a layer: 32 for each of 8 GPUs/],
    ["4x8x257", /has 257 slots per GPU; expected at most 256: a GPU holds an expert once/],
    ["9999x9999x9", /makes 899820009 slots per layer; expected at most 65536/],
  ])("%s is refused in one line", async (name, message) => {
    const refused = topology(name, 256);
    await expect(refused).rejects.toThrow(InputError);
    await expect(refused).rejects.toThrow(message);
  });
});

test("of engines that run says how many slots they have", async () => {
  await expect(loadEngineTopology("4x8", 256, place)).rejects.toThrow(
    'is "4x8"; expected the slots of each GPU behind it, as the engines have them: 4x8x9',
  );
  expect(await loadEngineTopology("4x8x9", 256, place)).toEqual(await topology("ep32", 256));
});
