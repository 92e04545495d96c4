import fc from "fast-check";
import { expect, it } from "vitest";
import { loadModel } from "../../src/config/shapes.ts";
import { H800 } from "../../src/core/cost/hardware.ts";
import { KvRoom } from "../../src/core/cost/kv-room.ts";
import { kvBytes } from "../../src/model/moe-model.ts";
import type { SimulatedRequest } from "../../src/twin/pool/pool-request.ts";
import { RankCache } from "../../src/twin/pool/rank-cache.ts";

/** Attention of every kind: all tokens, windows, states. */
const models = await Promise.all(
  ["deepseek-v3", "gpt-oss-20b", "qwen3-next-80b-a3b"].map((name) => loadModel(name)),
);

/** A cache of so many tokens of a model. */
function roomFor(model: (typeof models)[number], tokens: number): KvRoom {
  const room = new KvRoom(
    model,
    { nodes: 1, gpusPerNode: 8, slotsPerGpu: 1 },
    { ...H800, memoryBytes: 4e12 },
  );
  Object.assign(room, { capacityTokens: tokens, capacityBytes: kvBytes(model, tokens) });
  return room;
}

const action = fc.oneof(
  fc.record({
    kind: fc.constant("open" as const),
    inputTokens: fc.integer({ min: 1, max: 2600 }),
    family: fc.nat(2),
    alike: fc.nat(4),
  }),
  fc.record({
    kind: fc.constant("forward" as const),
    which: fc.nat(),
    tokens: fc.integer({ min: 1, max: 900 }),
  }),
  fc.record({ kind: fc.constant("close" as const), which: fc.nat() }),
);

it("a rank's cache never holds more than it has, counts what is shared once, and is empty in the end", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...models),
      fc.constantFrom(1, 16, 64),
      fc.array(action, { minLength: 20, maxLength: 60, size: "max" }),
      (model, pageTokens, actions) => {
        const room = roomFor(model, 6000);
        const cache = new RankCache(room, pageTokens);
        const open: SimulatedRequest[] = [];
        let hits = 0;
        const check = () => {
          // What requests have: of shared blocks the layers that keep all tokens count once.
          const blocks = new Map<number, number>();
          let bytes = 0;
          for (const request of open) {
            bytes += room.bytesOf(request.room) - room.growingBytes * request.sharedTokens;
            let left = request.sharedTokens;
            for (const id of request.prefixBlocks.slice(0, request.sharedBlocks)) {
              blocks.set(id, Math.min(512, left));
              left -= 512;
            }
          }
          for (const tokens of blocks.values()) bytes += room.growingBytes * tokens;
          expect(cache.usedBytes).toBe(bytes);
          expect(cache.usedBytes).toBeLessThanOrEqual(room.capacityBytes);
          expect(cache.idleBytes).toBeLessThanOrEqual(cache.availableBytes);
        };
        for (const [id, each] of actions.entries()) {
          if (each.kind === "open") {
            const { inputTokens, family, alike } = each;
            const prefixBlocks = Array.from({ length: Math.ceil(inputTokens / 512) }, (_, i) =>
              // A short last block is another text than a whole one.
              i < alike && (i + 1) * 512 <= inputTokens ? family * 10 + i : 100 * (id + 1) + i,
            );
            const request = { ...EMPTY, id, inputTokens, prefixBlocks };
            if (cache.bytesToStart(request, inputTokens) > cache.availableBytes) continue;
            const before = cache.availableBytes;
            const needed = cache.bytesToStart(request, inputTokens);
            cache.open(request);
            hits += request.sharedBlocks;
            expect(cache.grow(request, inputTokens)).toBe(true);
            // It takes what it was said to take.
            expect(before - cache.availableBytes).toBe(needed);
            open.push(request);
          } else if (open.length > 0 && each.kind === "forward") {
            const request = open[each.which % open.length];
            request.computed = Math.min(request.inputTokens, request.computed + each.tokens);
            const before = cache.usedBytes;
            cache.offer(request);
            expect(cache.usedBytes).toBeLessThanOrEqual(before);
          } else if (open.length > 0 && each.kind === "close") {
            const [request] = open.splice(each.which % open.length, 1);
            cache.close(request);
          }
          check();
        }
        for (const request of open.splice(0)) cache.close(request);
        check();
        found += hits;
      },
    ),
    { seed: 11, numRuns: 60 },
  );
  expect(found).toBeGreaterThan(0);
});

let found = 0;
const EMPTY: Omit<SimulatedRequest, "id" | "inputTokens" | "prefixBlocks"> = {
  rank: 0,
  outputTokens: 1,
  routing: { base: 0, offset: 0, length: 1, tenant: null },
  computed: 0,
  made: 0,
  room: 0,
  sharedBlocks: 0,
  sharedTokens: 0,
  cached: 0,
  started: false,
  over: false,
};
