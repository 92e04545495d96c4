import { InputError } from "../lib/errors.ts";
import type { PoolConfig } from "./config.ts";

/**
 * A model's name decides the pool, a pool's name its shards, and a server's load is its pool's alone: each must be
 * unique.
 * @param source the file they are written in
 * @throws InputError
 */
export function checkPools(pools: readonly PoolConfig[], workers: number, source: string): void {
  const names = new Set<string>();
  const models = new Map<string, string>();
  const servers = new Map<string, string>();
  for (const [i, pool] of pools.entries()) {
    const field = `pools[${i}]`;
    const { name } = pool;
    if (pool.kind === "simulated" && workers > 1) {
      const mend = `is "simulated", which one process models by itself; expected \`workers: 1\``;
      throw new InputError(source, `${field}.kind`, mend);
    }
    if (names.has(name))
      throw new InputError(source, `${field}.name`, `is "${name}" again; expected a name of its own`);
    names.add(name);
    for (const model of pool.models) {
      const owner = models.get(model);
      if (owner !== undefined)
        throw new InputError(
          source,
          field,
          `serves "${model}" as pool "${owner}" does; expected one pool per model`,
        );
      models.set(model, name);
    }
    for (const url of urlsOf(pool)) {
      const { href } = new URL(url);
      const owner = servers.get(href);
      if (owner !== undefined)
        throw new InputError(
          source,
          field,
          `names ${url} as pool "${owner}" does; expected each server once`,
        );
      servers.set(href, name);
    }
  }
}

function urlsOf(pool: PoolConfig): readonly string[] {
  if (pool.kind === "simulated") return [];
  return pool.kind === "disaggregated" ? [...pool.prefill.urls, ...pool.decode.urls] : pool.servers.urls;
}
