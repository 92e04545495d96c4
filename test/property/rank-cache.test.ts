import fc from "fast-check";
import { expect, it } from "vitest";
import { loadModel } from "../../src/config/shapes.ts";
import { H800 } from "../../src/core/cost/hardware.ts";
import { KvRoom } from "../../src/core/cost/kv-room.ts";
import { kvBytes } from "../../src/model/moe-model.ts";
import type { SimulatedRequest } from "../../src/twin/pool/pool-request.ts";
import { RankCache } from "../../src/twin/pool/rank-cache.ts";
import { runs } from "../runs.ts";

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
  fc.record({
    kind: fc.constantFrom("close" as const, "give up" as const, "go on" as const),
    which: fc.nat(),
  }),
);

it("a rank's cache never holds more than it has, counts what is shared once, and is empty in the end", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...models),
      fc.constantFrom(1, 16, 64),
      fc.array(action, { minLength: 20, maxLength: 60, size: "max" }),
      (model, pageTokens, actions) => {
        const room = roomFor(model, 6000);
        const cache = new RankCache(room, pageTokens, true);
        const open: SimulatedRequest[] = [];
        const waiting: SimulatedRequest[] = [];
        let [hits, regained] = [0, 0];
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
        const start = (request: SimulatedRequest) => {
          const needed = cache.bytesToStart(request, request.inputTokens);
          const before = cache.availableBytes;
          if (needed > before) return false;
          cache.open(request);
          expect(request.computed % pageTokens).toBe(0);
          expect(request.computed).toBeLessThan(request.inputTokens);
          expect(cache.grow(request, request.inputTokens)).toBe(true);
          // It takes what it was said to take.
          expect(before - cache.availableBytes).toBe(needed);
          open.push(request);
          return true;
        };
        for (const [id, each] of actions.entries()) {
          if (each.kind === "open") {
            const { inputTokens, family, alike } = each;
            const prefixBlocks = Array.from({ length: Math.ceil(inputTokens / 512) }, (_, i) =>
              // A short last block is another text than a whole one.
              i < alike && (i + 1) * 512 <= inputTokens ? family * 10 + i : 100 * (id + 1) + i,
            );
            const request = { ...EMPTY, id, inputTokens, prefixBlocks };
            if (start(request)) hits += request.computed;
          } else if (each.kind === "go on" && waiting.length > 0) {
            const [request] = waiting.splice(each.which % waiting.length, 1);
            const gaveUp = request.computed;
            request.computed = 0;
            if (!start(request)) continue;
            // Nothing that it never forwarded, nor others for it, is there.
            if (request.sharedTokens < request.computed) expect(request.computed).toBeLessThanOrEqual(gaveUp);
            regained += request.computed;
          } else if (open.length > 0 && each.kind === "forward") {
            const request = open[each.which % open.length];
            request.computed = Math.min(request.inputTokens, request.computed + each.tokens);
            const before = cache.usedBytes;
            cache.offer(request, request.computed);
            expect(cache.usedBytes).toBeLessThanOrEqual(before);
          } else if (open.length > 0 && (each.kind === "close" || each.kind === "give up")) {
            const [request] = open.splice(each.which % open.length, 1);
            cache.close(request, request.computed);
            if (each.kind === "give up") waiting.push(request);
          }
          check();
        }
        for (const request of open.splice(0)) cache.close(request, request.computed);
        check();
        foundAtFirst += hits;
        foundAgain += regained;
      },
    ),
    { seed: 11, numRuns: runs(30) },
  );
  expect(foundAtFirst).toBeGreaterThan(0);
  expect(foundAgain).toBeGreaterThan(0);
});

let [foundAtFirst, foundAgain] = [0, 0];
const EMPTY: Omit<SimulatedRequest, "id" | "inputTokens" | "prefixBlocks"> = {
  rank: 0,
  outputTokens: 1,
  routing: { base: 0, offset: 0, length: 1, tenant: null },
  computed: 0,
  made: 0,
  room: 0,
  sharedBlocks: 0,
  sharedTokens: 0,
  drafting: false,
  settled: 0,
  prompted: 0,
  leftover: null,
  cached: 0,
  started: false,
  over: false,
};
