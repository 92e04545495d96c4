import fc from "fast-check";
import type { RequestKinds } from "../src/core/batching/request-kinds.ts";
import type { Phase, RankState, WaitingRequests } from "../src/core/batching/waiting-requests.ts";
import { Rng } from "../src/lib/rng.ts";

export interface WaitingCase {
  readonly phase: Phase;
  readonly requests: WaitingRequests;
  readonly kinds: RequestKinds;
  readonly ranks: RankState;
}

export interface WaitingShape {
  readonly phase: Phase;
  readonly nodes: number;
  readonly gpusPerNode: number;
  readonly count: number;
  /** `idle`: nothing in hand and room for all; `busy`: work in hand; `tight`: little room, some ranks out of service. */
  readonly pool: "idle" | "busy" | "tight";
  readonly seed: number;
}

const MOST_TOKENS = 2000;

/** Requests of 1 to 2,000 tokens and four kinds, and the ranks they are for. */
export function waitingCase({ phase, nodes, gpusPerNode, count, pool, seed }: WaitingShape): WaitingCase {
  const rng = new Rng(seed);
  const ranks = nodes * gpusPerNode;
  const kinds = 4;
  const numbers = (length: number, draw: () => number) => Float64Array.from({ length }, draw);
  const tokens = numbers(count, () => 1 + rng.below(MOST_TOKENS));
  const inHand = (most: number) => numbers(ranks, () => (pool === "idle" ? 0 : rng.below(most)));
  const work = inHand(phase === "prefill" ? MOST_TOKENS : 8);
  const microWork = new Float64Array(ranks * 2);
  for (let rank = 0; rank < ranks; rank++) {
    microWork[rank * 2] = Math.floor(work[rank] / 2);
    microWork[rank * 2 + 1] = work[rank] - microWork[rank * 2];
  }
  const kvTokens = inHand(4 * MOST_TOKENS);
  const tight = pool === "tight";
  return {
    phase,
    requests: {
      count,
      work: phase === "prefill" ? tokens : new Float64Array(count).fill(1),
      kvTokens: tokens,
      kind: Int32Array.from({ length: count }, () => rng.below(kinds)),
    },
    kinds: {
      count: kinds,
      gpusPerNode,
      nodeHops: numbers(kinds * nodes, () => 2 + rng.uniform()),
      rankHops: numbers(kinds * ranks, () => -rng.uniform()),
      likeness: numbers(kinds, () => rng.normal()),
    },
    ranks: {
      work,
      microWork,
      kvTokens,
      kvCapacityTokens: numbers(ranks, () => (tight ? rng.below(6 * MOST_TOKENS) : 1e9)),
      places: Int32Array.from({ length: ranks }, () => (tight ? rng.below(5) : 1e6)),
    },
  };
}

export function waitingCases(pools: readonly WaitingShape["pool"][]): fc.Arbitrary<WaitingCase> {
  return fc
    .record({
      phase: fc.constantFrom<Phase>("prefill", "decode"),
      nodes: fc.integer({ min: 1, max: 4 }),
      gpusPerNode: fc.integer({ min: 1, max: 4 }),
      count: fc.integer({ min: 0, max: 80 }),
      pool: fc.constantFrom(...pools),
      seed: fc.nat(),
    })
    .map(waitingCase);
}

/** Σ work × node hops of the requests that got a rank. */
export function nodeHopsOf({ requests, kinds }: WaitingCase, rankOf: Int32Array): number {
  const nodes = kinds.nodeHops.length / kinds.count;
  let sum = 0;
  for (const [request, rank] of rankOf.entries()) {
    if (rank < 0) continue;
    const node = Math.floor(rank / kinds.gpusPerNode);
    sum += requests.work[request] * kinds.nodeHops[requests.kind[request] * nodes + node];
  }
  return sum;
}
