import { layerStagingBytes } from "../model/staging.ts";
import type { Config, PoolConfig } from "./config.ts";
import { type Place, type SourceOf, faultAt, inside } from "./place.ts";

/**
 * The ranks of a pool must be able to hold one layer's new experts beside the old ones, and a pool that is modelled in
 * this process cannot be led from another.
 * @param sourceOf where they are written
 * @throws InputError
 */
export function checkExperts(
  pools: readonly PoolConfig[],
  { store, control }: Pick<Config, "store" | "control">,
  sourceOf: SourceOf,
): void {
  for (const [i, pool] of pools.entries()) {
    const place: Place = { sourceOf, field: ["pools", i] };
    if (pool.kind === "simulated" && store.address.kind === "redis") {
      const hint = `is "simulated", which no other gateway can share; expected a \`store.url\` that is not Redis`;
      throw faultAt(inside(place, "kind"), hint);
    }
    const experts = "experts" in pool ? pool.experts : null;
    if (experts === null) continue;
    const { model, topology } = experts;
    const least = layerStagingBytes(model, topology);
    if (control.stagingBytes !== null && control.stagingBytes < least) {
      const hint = `is ${control.stagingBytes}; expected at least ${least}, one layer of ${model.name} on a GPU of ${pool.name}`;
      throw faultAt({ sourceOf, field: ["control", "stagingBytes"] }, hint);
    }
  }
}

/**
 * A pool's name decides its shards, and a server's load is its pool's alone: each must be unique. A model may be
 * served by several pools.
 * @param sourceOf where they are written
 * @throws InputError
 */
export function checkPools(pools: readonly PoolConfig[], workers: number, sourceOf: SourceOf): void {
  const names = new Set<string>();
  const servers = new Map<string, string>();
  for (const [i, pool] of pools.entries()) {
    const place: Place = { sourceOf, field: ["pools", i] };
    const { name } = pool;
    if (pool.kind === "simulated" && workers > 1) {
      const hint = `is "simulated", which one process models by itself; expected \`workers: 1\``;
      throw faultAt(inside(place, "kind"), hint);
    }
    if (names.has(name))
      throw faultAt(inside(place, "name"), `is "${name}" again; expected a name of its own`);
    names.add(name);
    for (const [j, model] of pool.models.entries())
      if (pool.models.indexOf(model) < j)
        throw faultAt(inside(place, "models", j), `is "${model}" again; expected each model once`);
    for (const url of urlsOf(pool)) {
      const owner = servers.get(url);
      if (owner !== undefined)
        throw faultAt(place, `names ${url} as pool "${owner}" does; expected each server once`);
      servers.set(url, name);
    }
  }
}

function urlsOf(pool: PoolConfig): readonly string[] {
  if (pool.kind === "simulated") return [];
  return pool.kind === "disaggregated" ? [...pool.prefill.urls, ...pool.decode.urls] : pool.servers.urls;
}
