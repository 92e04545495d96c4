import type { PoolWindow } from "../../model/pool-window.ts";
import { ratio } from "../window-totals.ts";
import type { WindowPoint } from "./run-log.ts";
import type { RunPool } from "./run-pool.ts";

/** What is told of a pool's window that ends now. */
export function windowPoint(pool: RunPool, window: PoolWindow, nowMs: number): WindowPoint {
  const { steps, tokens, spanMs, stepMs, sumMean, sumMax, hops, nodeHops, load, ranks } = window;
  const pairs = tokens * load.layers;
  const sum = (of: (rank: (typeof ranks)[number]) => number) =>
    ranks.reduce((total, rank) => total + of(rank), 0);
  const uses = ranks.map(({ kvTokens, kvCapacityTokens }) => kvTokens / kvCapacityTokens);
  return {
    pool: pool.name,
    atMs: nowMs,
    spanMs,
    steps,
    tokens,
    meanStepMs: ratio(stepMs, steps),
    balancedness: ratio(sumMean, sumMax),
    hopsPerToken: ratio(hops, pairs),
    nodeHopsPerToken: ratio(nodeHops, pairs),
    running: sum(({ running }) => running),
    waiting: pool.waiting + sum(({ waiting }) => waiting),
    kvUse: sum(({ kvTokens }) => kvTokens) / sum(({ kvCapacityTokens }) => kvCapacityTokens),
    kvUseMost: Math.max(...uses),
    epoch: pool.balance.epochs,
    lostRanks: pool.balance.lostRanks,
    missingExperts: pool.balance.missingExperts,
  };
}
