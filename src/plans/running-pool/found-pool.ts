import { InputError } from "../../lib/errors.ts";
import type { PoolState } from "../../planner/right-sizing/measured.ts";
import type { PublishedPool, PublishedState } from "./published.ts";

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
export function poolIn({ pools }: Pick<PublishedState, "pools">, wanted: string | null): FoundPool {
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

/** What is measured of it at one moment. */
export function stateOf({ front, prefill }: Pick<FoundPool, "front" | "prefill">): PoolState {
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
