import type { EngineServer } from "../serving/engine.ts";
import type { Gateway } from "../serving/gateway.ts";

type Names = ReadonlyMap<string, string>;

const NONE: Names = new Map();

/**
 * What clients are told of the shard that served them. A server that has no name but its URL is called by its place among
 * its pool's, from 0, where clients are not to know addresses: `chat/0@3` in place of `chat/http://10.0.0.1:8000@3`.
 */
export class ShardNames {
  readonly #gateway: () => Gateway;
  readonly #showsServers: () => boolean;
  #of: Gateway | null = null;
  #names: Names = NONE;
  /** Those before a reload: what was sent then is still answered. */
  #before: Names = NONE;

  constructor(gateway: () => Gateway, showsServers: () => boolean) {
    this.#gateway = gateway;
    this.#showsServers = showsServers;
  }

  /** @param shard as `Engine.servedBy` and `Shard.id` have it */
  shown(shard: string): string {
    if (this.#showsServers()) return shard;
    const gateway = this.#gateway();
    if (gateway !== this.#of) {
      this.#of = gateway;
      this.#before = this.#names;
      this.#names = namesOf(gateway);
    }
    return this.#names.get(shard) ?? this.#before.get(shard) ?? (isUrl(shard) ? poolOf(shard) : shard);
  }
}

function namesOf({ pools }: Gateway): Names {
  const names = new Map<string, string>();
  for (const { engine } of pools.flatMap((pool) => [pool, ...(pool.prefill === null ? [] : [pool.prefill])]))
    for (const [place, server] of engine.servers.entries()) {
      if (!isUrl(server.name)) continue;
      for (const [id, name] of named(engine.pool, server, place)) names.set(id, name);
    }
  return names;
}

/** A server and its ranks. */
function named(pool: string, { name, shards }: EngineServer, place: number): (readonly [string, string])[] {
  const server = `${pool}/${name}`;
  return [server, ...shards.map(({ id }) => id)].map((id) => [
    id,
    `${pool}/${place}${id.slice(server.length)}`,
  ]);
}

function isUrl(name: string): boolean {
  return name.includes("://");
}

/** A pool's name has no slash. */
function poolOf(shard: string): string {
  return shard.slice(0, shard.indexOf("/"));
}
