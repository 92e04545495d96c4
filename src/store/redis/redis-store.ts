import type { PoolStore, Store } from "../../control/store.ts";
import type { RedisAddress } from "../../model/store-address.ts";
import { type RedisAccess, RedisLink } from "./redis-link.ts";
import { RedisPool } from "./redis-pool.ts";
import { StoreFaults } from "./store-faults.ts";

/** A store that gateways reach over the network: Redis or Valkey, one server, behind Sentinel or in a cluster. */
export class RedisStore implements Store {
  readonly name: string;
  readonly #access: RedisAccess;
  readonly #prefix: string;
  readonly #link: RedisLink;
  readonly #pools = new Map<string, RedisPool>();

  private constructor(address: RedisAddress, prefix: string, onNotice: (line: string) => void) {
    this.name = storeName(address);
    const faults = new StoreFaults([address.password ?? "", address.username ?? ""]);
    this.#access = { address, faults, onNotice: (line) => onNotice(`store ${this.name}: ${line}`) };
    this.#prefix = prefix;
    this.#link = new RedisLink(this.#access, 0, true);
  }

  /**
   * Resolves when it has been reached, or could not be: then it is tried again until it answers.
   * @param prefix of every key
   * @param onNotice receives one line for a person where something was mended
   */
  static async open(
    address: RedisAddress,
    prefix: string,
    onNotice: (line: string) => void,
  ): Promise<RedisStore> {
    const store = new RedisStore(address, prefix, onNotice);
    await store.#link.connect();
    return store;
  }

  get fault(): string | null {
    return this.#access.faults.fault;
  }

  onFault(listener: (fault: string | null) => void): () => void {
    return this.#access.faults.onFault(listener);
  }

  pool(name: string): PoolStore {
    let pool = this.#pools.get(name);
    if (pool === undefined) {
      pool = new RedisPool(this.#access, this.#link, this.#prefix, name);
      this.#pools.set(name, pool);
    }
    return pool;
  }

  async share(gateway: string, usage: Uint8Array, staleMs: number): Promise<ReadonlyMap<string, Uint8Array>> {
    const reported = (await this.#link.run(
      "share",
      [`${this.#prefix}:shares`],
      [gateway, usage, staleMs],
    )) as Buffer[];
    const others = new Map<string, Uint8Array>();
    for (let i = 0; i < reported.length; i += 2) others.set(reported[i].toString(), reported[i + 1]);
    return others;
  }

  async close(): Promise<void> {
    for (const pool of this.#pools.values()) pool.close();
    this.#link.close();
  }
}

function storeName({ layout, hosts, master, database, tls }: RedisAddress): string {
  const scheme = `${tls ? "rediss" : "redis"}${layout === "standalone" ? "" : `+${layout}`}`;
  const names = hosts.map(({ host, port }) => `${host.includes(":") ? `[${host}]` : host}:${port}`);
  const path = master ?? (database === 0 ? null : String(database));
  return `${scheme}://${names.join(",")}${path === null ? "" : `/${path}`}`;
}
