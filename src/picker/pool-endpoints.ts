import type { Engine, EngineRequest, Shard } from "../serving/engine.ts";
import type { ServingPool } from "../serving/serving-pool.ts";

/** A pool's servers by their addresses. */
export class PoolEndpoints {
  /** `[shards]`; null where a proxy cannot be told where one is. */
  readonly addresses: readonly (string | null)[];
  readonly #shards = new Map<string, number[]>();

  constructor({ shards, outside }: Engine) {
    this.addresses = outside?.addresses ?? shards.map(() => null);
    for (const [shard, address] of this.addresses.entries()) {
      if (address === null) continue;
      // A subset may name servers without their ports, as some proxies do.
      for (const name of new Set([address, withoutPort(address)])) {
        const known = this.#shards.get(name);
        if (known === undefined) this.#shards.set(name, [shard]);
        else known.push(shard);
      }
    }
  }

  /** The shards at an address. */
  at(address: string): readonly number[] {
    return this.#shards.get(address) ?? [];
  }

  /** The shards that may be picked. @param subset addresses; null for all */
  among(subset: readonly string[] | null): ReadonlySet<number> | null {
    if (subset !== null) return new Set(subset.flatMap((address) => this.at(address)));
    if (!this.addresses.includes(null)) return null;
    return new Set([...this.addresses.keys()].filter((shard) => this.addresses[shard] !== null));
  }
}

const known = new WeakMap<Engine, PoolEndpoints>();

/** Made once for each engine. */
export function endpointsOf(engine: Engine): PoolEndpoints {
  const before = known.get(engine);
  if (before !== undefined) return before;
  const made = new PoolEndpoints(engine);
  known.set(engine, made);
  return made;
}

/**
 * Where else a request may go as it is: to servers that get the same headers and the same body.
 * @param most of them
 */
export function alternatives(
  { engine, router }: ServingPool,
  { rank: chosen }: Shard,
  request: EngineRequest,
  most: number,
): readonly number[] {
  if (most < 1) return [];
  const { addresses } = endpointsOf(engine);
  const asSent = (shard: number) => {
    const { headers, added = "" } = engine.outside?.prepare(engine.shards[shard], request) ?? request;
    return `${headers.join("\n")}\n\n${added}`;
  };
  const own = asSent(chosen);
  const taken = new Set([addresses[chosen]]);
  return router.others(chosen, most, (shard) => {
    const address = addresses[shard];
    if (address === null || taken.has(address) || asSent(shard) !== own) return false;
    taken.add(address);
    return true;
  });
}

function withoutPort(address: string): string {
  return address.slice(0, address.lastIndexOf(":")).replace(/^\[|\]$/g, "");
}
