import type { PoolStore, Store } from "../../control/store.ts";
import type { RedisAddress } from "../../model/store-address.ts";
import { RedisLink } from "./redis-link.ts";
import { RedisPool } from "./redis-pool.ts";

/** A store that gateways reach over the network: Redis or Valkey, one server, behind Sentinel or in a cluster. */
export class RedisStore implements Store {
  readonly name: string;
  readonly #address: RedisAddress;
  readonly #prefix: string;
  readonly #link: RedisLink;
  readonly #pools = new Map<string, RedisPool>();
  readonly #listeners = new Set<(reachable: boolean) => void>();
  #reachable = false;

  private constructor(address: RedisAddress, prefix: string) {
    this.name = storeName(address);
    this.#address = address;
    this.#prefix = prefix;
    this.#link = new RedisLink(address, 0, (reachable) => this.#turn(reachable));
  }

  /**
   * Resolves when it has been reached, or could not be: then it is tried again until it answers.
   * @param prefix of every key
   */
  static async open(address: RedisAddress, prefix: string): Promise<RedisStore> {
    const store = new RedisStore(address, prefix);
    await store.#link.connect();
    return store;
  }

  get reachable(): boolean {
    return this.#reachable;
  }

  onReachable(listener: (reachable: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  pool(name: string): PoolStore {
    let pool = this.#pools.get(name);
    if (pool === undefined) {
      pool = new RedisPool(this.#address, this.#link, this.#prefix, name);
      this.#pools.set(name, pool);
    }
    return pool;
  }

  async share(gateway: string, usage: Uint8Array, staleMs: number): Promise<ReadonlyMap<string, Uint8Array>> {
    const told = (await this.#link.run(
      "share",
      [`${this.#prefix}:shares`],
      [gateway, usage, staleMs],
    )) as Buffer[];
    const others = new Map<string, Uint8Array>();
    for (let i = 0; i < told.length; i += 2) others.set(told[i].toString(), told[i + 1]);
    return others;
  }

  async close(): Promise<void> {
    for (const pool of this.#pools.values()) pool.close();
    this.#link.close();
  }

  #turn(reachable: boolean): void {
    if (reachable === this.#reachable) return;
    this.#reachable = reachable;
    for (const listener of this.#listeners) listener(reachable);
  }
}

function storeName({ layout, hosts, master, database, tls }: RedisAddress): string {
  const scheme = `${tls ? "rediss" : "redis"}${layout === "standalone" ? "" : `+${layout}`}`;
  const names = hosts.map(({ host, port }) => `${host.includes(":") ? `[${host}]` : host}:${port}`);
  const path = master ?? (database === 0 ? null : String(database));
  return `${scheme}://${names.join(",")}${path === null ? "" : `/${path}`}`;
}
