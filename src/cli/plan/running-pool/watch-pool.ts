import { setTimeout as sleep } from "node:timers/promises";
import { InputError } from "../../../lib/errors.ts";
import { type Measured, type PoolState, measuredBetween } from "../../../planner/right-sizing/measured.ts";
import type { GatewayClient } from "./gateway-client.ts";
import { type PublishedPool, type PublishedState, publishedState } from "./published.ts";
import { countersOf } from "./scrape.ts";

const LOOK_EVERY_MS = 1000;

/** The state of a gateway with the pool that is asked about. */
export interface FoundPool {
  readonly name: string;
  /** That which answers clients, and that which prefills for it where there is one. */
  readonly front: PublishedPool;
  readonly prefill: PublishedPool | null;
}

const DECODE = /\.decode$/;

/**
 * Finds the pool that is asked about.
 * @param wanted null where the gateway has one
 * @throws InputError that lists the pools
 */
export function poolIn({ pools }: PublishedState, wanted: string | null): FoundPool {
  const fronts = pools.filter(({ deployment }) => deployment?.role !== "prefill");
  const names = fronts.map(nameOf);
  if (wanted === null && fronts.length > 1)
    throw new InputError("--pool", "", `the gateway has several pools; add one to the URL: ${hashes(names)}`);
  const at = wanted === null ? 0 : names.indexOf(wanted);
  if (at < 0 || fronts.length === 0)
    throw new InputError(
      "--pool",
      "",
      `the gateway has no pool ${JSON.stringify(wanted)}; expected ${hashes(names)}`,
    );
  const prefill = pools.find(({ pool }) => pool === `${names[at]}.prefill`) ?? null;
  return { name: names[at], front: fronts[at], prefill };
}

function nameOf({ pool, deployment }: PublishedPool): string {
  return deployment?.role === "decode" ? pool.replace(DECODE, "") : pool;
}

function hashes(names: readonly string[]): string {
  return names.map((name) => `#${name}`).join(", ");
}

export interface Watched {
  readonly found: FoundPool;
  readonly measured: Measured;
}

/**
 * Reads a pool's counters twice, and its state every second in between.
 * @param say receives the part of the window that is over
 * @throws InputError where the gateway goes away, or nothing can be said
 */
export async function watchPool(
  client: GatewayClient,
  wanted: string | null,
  seconds: number,
  say: (part: number) => void,
  signal: AbortSignal,
): Promise<Watched> {
  const look = async () => poolIn(await client.json("/admin/state", publishedState, signal), wanted);
  const scrape = async (pool: string) =>
    countersOf(await client.text("/metrics", signal), pool, performance.now());
  let found = await look();
  const before = await scrape(found.front.pool);
  const states = [stateOf(found)];
  const endMs = before.atMs + 1000 * seconds;
  for (;;) {
    const leftMs = endMs - performance.now();
    if (leftMs <= 0) break;
    await sleep(Math.min(LOOK_EVERY_MS, leftMs), undefined, { signal });
    found = await look();
    states.push(stateOf(found));
    say(Math.min(1, 1 - (endMs - performance.now()) / (1000 * seconds)));
  }
  const measured = measuredBetween(before, await scrape(found.front.pool), states);
  if (typeof measured !== "string") return { found, measured };
  const hints = {
    restarted: "began to count anew while it was watched: it was restarted; ask again",
    idle: `answered no request in ${seconds} s; ask again under traffic, or for longer with --window`,
    "no lengths":
      "publishes no lengths of requests; expected plimsoll_prompt_tokens and plimsoll_answer_tokens in its metrics",
  };
  throw new InputError("--pool", found.name, hints[measured]);
}

function stateOf({ front, prefill }: FoundPool): PoolState {
  const parts = prefill === null ? [front] : [front, prefill];
  const kv = parts.flatMap(({ shards }) => shards.flatMap(({ reported }) => reported.kvUse ?? []));
  const reports = kv.length > 0;
  const waiting = parts.flatMap(({ shards }) => shards.map(({ reported }) => reported.waiting));
  return {
    inFlight: front.shards.map(({ requests }) => requests),
    ready: parts.flatMap(({ shards }) => shards.map(({ health }) => health.ready)),
    waiting: reports ? waiting.reduce((sum, count) => sum + count, 0) : null,
    kvUse: reports ? kv.reduce((sum, use) => sum + use, 0) / kv.length : null,
    kvUseMost: reports ? Math.max(...kv) : null,
    balancedness: front.engine?.balancedness ?? front.control?.balancedness ?? null,
    lostRanks: front.control?.ranks.filter((state) => state === "lost").length ?? 0,
  };
}
