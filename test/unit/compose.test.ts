import { describe, expect, it } from "vitest";
import { compose } from "../../src/core/batching/compose.ts";
import { leastValue } from "../least-value.ts";
import { nodeHopsOf, type WaitingCase, waitingCase } from "../waiting-case.ts";

function composed({ phase, requests, kinds, ranks }: WaitingCase, tolerance?: number) {
  return compose(phase, requests, kinds, ranks, tolerance);
}

/** The least maximum of work over idle ranks. */
function leastMaximum({ requests, ranks }: WaitingCase): number {
  const requestIds = Array.from({ length: requests.count }, (_, i) => i);
  const rankIds = [...ranks.work.keys()];
  const rows = [
    ...requestIds.map((i) => `${rankIds.map((r) => `x${i}_${r}`).join(" + ")} = 1`),
    ...rankIds.map((r) => `${requestIds.map((i) => `${requests.work[i]} x${i}_${r}`).join(" + ")} - T <= 0`),
  ];
  const binaries = requestIds.flatMap((i) => rankIds.map((r) => `x${i}_${r}`));
  return leastValue(`Minimize\nT\nSubject To\n${rows.join("\n")}\nBinary\n${binaries.join(" ")}\nEnd`);
}

/** The fewest node hops of requests of equal work when every node gets as many: a transport problem. */
function fewestHops({ requests, kinds }: WaitingCase, nodes: number): number {
  const requestIds = Array.from({ length: requests.count }, (_, i) => i);
  const nodeIds = Array.from({ length: nodes }, (_, n) => n);
  const cost = (i: number, n: number) => kinds.nodeHops[requests.kind[i] * nodes + n];
  const goal = requestIds.flatMap((i) => nodeIds.map((n) => `${cost(i, n)} x${i}_${n}`)).join(" + ");
  const rows = [
    ...requestIds.map((i) => `${nodeIds.map((n) => `x${i}_${n}`).join(" + ")} = 1`),
    ...nodeIds.map((n) => `${requestIds.map((i) => `x${i}_${n}`).join(" + ")} = ${requests.count / nodes}`),
  ];
  return leastValue(`Minimize\n${goal}\nSubject To\n${rows.join("\n")}\nEnd`);
}

describe("a composition against HiGHS", () => {
  it("balances within 4/3 − 1/(3 ranks) of the least possible maximum, or its tolerance", () => {
    const [ranks, tolerance] = [3, 0.01];
    for (let seed = 0; seed < 15; seed++) {
      const shape = { phase: "prefill", nodes: 1, gpusPerNode: ranks, count: 8, pool: "idle", seed } as const;
      const given = waitingCase(shape);
      const least = leastMaximum(given);
      const mean = given.requests.work.reduce((sum, work) => sum + work, 0) / ranks;
      const bound = Math.max(least * (4 / 3 - 1 / (3 * ranks)), mean * (1 + tolerance));
      expect(Math.max(...composed(given, tolerance).work)).toBeLessThanOrEqual(bound + 1e-6);
    }
  });

  it("saves at least nine tenths of the node hops that can be saved while every node gets as many requests", () => {
    const nodes = 4;
    let saved = 0;
    let saving = 0;
    for (let seed = 0; seed < 20; seed++) {
      const shape = { phase: "decode", nodes, gpusPerNode: 2, count: 48, pool: "idle", seed } as const;
      const made = waitingCase(shape);
      // Of equal length: cache in use is no constraint.
      const given = { ...made, requests: { ...made.requests, kvTokens: new Float64Array(48).fill(100) } };
      const blind = nodeHopsOf(
        given,
        Int32Array.from({ length: 48 }, (_, i) => i % 8),
      );
      const least = fewestHops(given, nodes);
      const got = nodeHopsOf(given, composed(given).rankOf);
      expect(got).toBeGreaterThanOrEqual(least * (1 - 1e-9));
      saved += blind - got;
      saving += blind - least;
    }
    expect(saved / saving).toBeGreaterThan(0.9);
  });
});

describe("a composition", () => {
  const given = waitingCase({
    phase: "decode",
    nodes: 2,
    gpusPerNode: 2,
    count: 16,
    pool: "idle",
    seed: 1,
  });

  it("lets requests meet on the node that holds their experts, and alike ones in a micro-batch", () => {
    const half = (i: number) => Math.floor(i / 8);
    const alike = {
      ...given,
      requests: {
        count: 16,
        work: new Float64Array(16).fill(1),
        kvTokens: new Float64Array(16).fill(10),
        kind: Int32Array.from({ length: 16 }, (_, i) => 2 * half(i) + (i % 2)),
      },
      // Kinds 0 and 1 belong on node 1, 2 and 3 on node 0; 0 and 2 are alike, and 1 and 3.
      kinds: {
        ...given.kinds,
        nodeHops: Float64Array.of(2, 1, 2, 1, 1, 2, 1, 2),
        likeness: Float64Array.of(1, -1, 1, -1),
      },
    };
    const { rankOf, microBatchOf } = composed(alike);
    expect(Array.from(rankOf, (rank) => Math.floor(rank / 2))).toEqual(
      Array.from(rankOf, (_, i) => 1 - half(i)),
    );
    // The ranks' own requests are cut in two; on a rank that has both kinds equally often, one each.
    for (const rank of [0, 1, 2, 3]) {
      const mine = [...rankOf.keys()].filter((i) => rankOf[i] === rank);
      const odd = mine.filter((i) => i % 2 === 1).length;
      const first = mine.filter((i) => microBatchOf[i] === 0);
      expect(first).toHaveLength(2);
      expect(first.filter((i) => i % 2 === 1)).toHaveLength(Math.min(2, odd));
    }
  });

  it("of nothing is nothing", () => {
    const none = { ...given, requests: { ...given.requests, count: 0, kind: new Int32Array(0) } };
    const empty = new Float64Array(0);
    const requests = { ...none.requests, work: empty, kvTokens: empty };
    expect(composed({ ...none, requests })).toMatchObject({ waiting: [], work: given.ranks.work });
  });

  it("leaves everybody waiting where no rank is in service", () => {
    const ranks = { ...given.ranks, places: new Int32Array(4) };
    const { waiting, work } = composed({ ...given, ranks });
    expect(waiting).toHaveLength(16);
    expect(work).toEqual(ranks.work);
  });
});
