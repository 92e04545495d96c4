import { describe, expect, it } from "vitest";
import { modelLike } from "../../harness/small-model.ts";
import { loadModel } from "../../src/config/shapes.ts";
import { H800 } from "../../src/core/cost/hardware.ts";
import { KvRoom } from "../../src/core/cost/kv-room.ts";
import { kvBytes } from "../../src/model/moe-model.ts";

const POOL = { nodes: 1, gpusPerNode: 8, slotsPerGpu: 4 };
const [V3, OSS, NEXT, MAVERICK] = await Promise.all(
  ["deepseek-v3", "gpt-oss-20b", "qwen3-next-80b-a3b", "llama-4-maverick"].map((name) => loadModel(name)),
);

describe("the room for cache", () => {
  const huge = { ...H800, memoryBytes: 2e12 };

  it("counts a sequence's tokens by what its first takes", () => {
    const room = new KvRoom(V3, POOL, huge);
    expect([1, 7, 100_000].map((length) => room.tokensOf(length))).toEqual([1, 7, 100_000]);
    expect(room.longestSequence).toBe(room.capacityTokens);
  });

  it("counts full windows as full, and states from the first token on", () => {
    const windows = new KvRoom(OSS, POOL, huge);
    expect(windows.tokensOf(100)).toBe(100);
    expect(windows.tokensOf(1128)).toBe(128 + 1000 / 2);
    const states = new KvRoom(NEXT, POOL, huge);
    expect(states.tokensOf(10)).toBeCloseTo(10 + kvBytes(NEXT, 0) / 24_576, 9);
  });

  it.each([V3, OSS, NEXT, MAVERICK])("$name: counts the bytes of all layers", (model) => {
    const room = new KvRoom(model, POOL, huge);
    const lengths = [1, 100, 128, 129, 8192, 100_000];
    expect(lengths.map((length) => room.bytesOf(length))).toEqual(lengths.map((n) => kvBytes(model, n)));
    expect(room.bytesOf(0)).toBe(0);
    // Far behind every window a token more takes what grows.
    expect(room.bytesOf(100_001) - room.bytesOf(100_000)).toBe(room.growingBytes);
  });

  it.each([V3, OSS, NEXT, MAVERICK])("$name: the longest sequence fits, and no longer one", (model) => {
    const room = new KvRoom(model, POOL, huge);
    const longest = room.longestSequence;
    expect(room.tokensOf(longest)).toBeLessThanOrEqual(room.capacityTokens);
    expect(room.tokensOf(longest + 1)).toBeGreaterThan(room.capacityTokens);
  });

  it("is none where the weights leave none", () => {
    expect(new KvRoom(V3, { ...POOL, slotsPerGpu: 100 }, H800).longestSequence).toBe(0);
  });

  it("holds sequences of any length where nothing grows", () => {
    const model = modelLike({ ...NEXT, attention: NEXT.attention.slice(0, 1) }, {});
    const room = new KvRoom(model, POOL, huge);
    expect(room.tokensOf(10)).toBe(1);
    expect(room.tokensOf(1e9)).toBe(1);
    expect(room.longestSequence).toBeGreaterThan(1e9);
  });
});
