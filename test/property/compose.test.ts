import fc from "fast-check";
import { expect, it } from "vitest";
import { compose } from "../../src/core/batching/compose.ts";
import { listRanks } from "../../src/core/batching/list-ranks.ts";
import { nodeHopsOf, type WaitingCase, waitingCases } from "../waiting-case.ts";
import { runs } from "../runs.ts";

const PARAMETERS = { seed: 12, numRuns: runs(120) };
const TOLERANCE = 0.01;

const anyPool = waitingCases(["idle", "busy", "tight"]);

function composed({ phase, requests, kinds, ranks }: WaitingCase) {
  return compose(phase, requests, kinds, ranks, TOLERANCE);
}

it("gives every request one rank and one micro-batch, or names it as waiting", () => {
  fc.assert(
    fc.property(anyPool, (given) => {
      const { rankOf, microBatchOf, waiting } = composed(given);
      expect(rankOf).toHaveLength(given.requests.count);
      for (const [request, rank] of rankOf.entries()) {
        expect(rank).toBeLessThan(given.ranks.work.length);
        if (rank < 0) expect(microBatchOf[request]).toBe(-1);
        else expect([0, 1]).toContain(microBatchOf[request]);
      }
      expect(waiting).toEqual([...rankOf.keys()].filter((request) => rankOf[request] < 0));
    }),
    PARAMETERS,
  );
});

it("never exceeds a rank's cache or places, and says truly what the ranks have", () => {
  fc.assert(
    fc.property(anyPool, (given) => {
      const { requests, ranks } = given;
      const { rankOf, work, kvTokens } = composed(given);
      const expectedWork = ranks.work.slice();
      const expectedKv = ranks.kvTokens.slice();
      const taken = new Int32Array(ranks.places.length);
      for (const [request, rank] of rankOf.entries()) {
        if (rank < 0) continue;
        expectedWork[rank] += requests.work[request];
        expectedKv[rank] += requests.kvTokens[request];
        taken[rank]++;
      }
      expect(work).toEqual(expectedWork);
      expect(kvTokens).toEqual(expectedKv);
      for (const [rank, count] of taken.entries()) {
        expect(count).toBeLessThanOrEqual(ranks.places[rank]);
        if (count > 0) expect(kvTokens[rank]).toBeLessThanOrEqual(ranks.kvCapacityTokens[rank]);
      }
    }),
    PARAMETERS,
  );
});

it("lets nobody overtake who waits for room; what no rank could hold holds nobody up", () => {
  fc.assert(
    fc.property(waitingCases(["tight"]), (given) => {
      const { requests, ranks } = given;
      const { rankOf, waiting } = composed(given);
      const most = Math.max(...ranks.kvCapacityTokens);
      const first = waiting.find((request) => requests.kvTokens[request] <= most) ?? requests.count;
      for (const request of rankOf.keys()) {
        if (request > first) expect(rankOf[request]).toBe(-1);
      }
    }),
    PARAMETERS,
  );
});

it("has room for the first who waits on no rank", () => {
  fc.assert(
    fc.property(waitingCases(["tight"]), (given) => {
      const { requests, ranks } = given;
      const { rankOf, kvTokens, places } = listRanks(requests, ranks);
      const waiting = rankOf.indexOf(-1);
      if (waiting < 0) return;
      for (const [rank, free] of places.entries()) {
        if (free === 0) continue;
        const needed = kvTokens[rank] + requests.kvTokens[waiting];
        expect(needed).toBeGreaterThan(ranks.kvCapacityTokens[rank]);
      }
    }),
    PARAMETERS,
  );
});

it("keeps idle ranks equal: up to a request in work, and in decode in number and cache too", () => {
  fc.assert(
    fc.property(waitingCases(["idle"]), (given) => {
      const { phase, requests } = given;
      const { work, kvTokens } = composed(given);
      const spread = (values: Float64Array, most: number) => {
        const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
        expect(Math.max(...values)).toBeLessThanOrEqual(Math.max(mean + most, mean * (1 + TOLERANCE)));
        expect(Math.min(...values)).toBeGreaterThanOrEqual(Math.min(mean - most, mean * (1 - TOLERANCE)));
      };
      spread(work, Math.max(0, ...requests.work));
      if (phase === "decode") {
        expect(Math.max(...work) - Math.min(...work)).toBeLessThanOrEqual(1);
        spread(kvTokens, Math.max(0, ...requests.kvTokens));
      }
    }),
    PARAMETERS,
  );
});

it("takes no more node hops than the balanced dealing it starts from", () => {
  fc.assert(
    fc.property(anyPool, (given) => {
      const before = nodeHopsOf(given, listRanks(given.requests, given.ranks).rankOf);
      expect(nodeHopsOf(given, composed(given).rankOf)).toBeLessThanOrEqual(before * (1 + 1e-12));
    }),
    PARAMETERS,
  );
});

it("splits what idle ranks get into equal micro-batches: up to a request", () => {
  fc.assert(
    fc.property(waitingCases(["idle"]), (given) => {
      const { requests, ranks, phase } = given;
      const { rankOf, microBatchOf } = composed(given);
      for (let rank = 0; rank < ranks.work.length; rank++) {
        const mine = [...rankOf.keys()].filter((request) => rankOf[request] === rank);
        const sum = (microBatch: number) =>
          mine.reduce((total, i) => total + (microBatchOf[i] === microBatch ? requests.work[i] : 0), 0);
        const largest = Math.max(0, ...mine.map((request) => requests.work[request]));
        expect(Math.abs(sum(0) - sum(1))).toBeLessThanOrEqual(phase === "decode" ? 1 : largest);
      }
    }),
    PARAMETERS,
  );
});

it("is the same again", () => {
  fc.assert(
    fc.property(anyPool, (given) => {
      expect(composed(given)).toEqual(composed(given));
    }),
    { ...PARAMETERS, numRuns: runs(25) },
  );
});
