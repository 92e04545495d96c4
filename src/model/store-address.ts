/** Where a store is, as a configuration's `store.url` names it. */
export type StoreAddress =
  | { readonly kind: "memory" }
  | { readonly kind: "file"; readonly path: string }
  | RedisAddress;

/** Redis, or a server that speaks its protocol. */
export interface RedisAddress {
  readonly kind: "redis";
  /** `sentinel`: `hosts` are those that know where `master` is. */
  readonly layout: "standalone" | "sentinel" | "cluster";
  readonly hosts: readonly HostAddress[];
  /** The name that Sentinel knows it by; null elsewhere. */
  readonly master: string | null;
  /** The number of the logical database; 0 in a cluster. */
  readonly database: number;
  readonly tls: boolean;
  readonly username: string | null;
  readonly password: string | null;
}

export interface HostAddress {
  readonly host: string;
  readonly port: number;
}
