/** Where a pool's part lies: all in one slot of a cluster. */
export interface PoolKeys {
  readonly lease: string;
  readonly fence: string;
  readonly epochs: string;
  readonly values: string;
  readonly changes: string;
  readonly past: string;
  readonly messages: string;
  readonly audit: string;
  readonly claims: string;
  readonly learned: string;
  readonly offered: string;
}

export function poolKeys(prefix: string, pool: string): PoolKeys {
  const key = (name: string) => `${prefix}:{${pool}}:${name}`;
  return {
    lease: key("lease"),
    fence: key("fence"),
    epochs: key("epochs"),
    values: key("values"),
    changes: key("changes"),
    past: key("past"),
    messages: key("messages"),
    audit: key("audit"),
    claims: key("claims"),
    learned: key("learned"),
    offered: key("offered"),
  };
}

/** The type of what lies at each key, by how the key ends. */
const TYPES: Readonly<Record<string, string>> = {
  lease: "hash",
  fence: "string",
  epochs: "stream",
  values: "hash",
  changes: "stream",
  past: "hash",
  messages: "stream",
  audit: "stream",
  claims: "zset",
  learned: "hash",
  offered: "zset",
  shares: "hash",
} satisfies Record<keyof PoolKeys | "shares", string>;

export function keyType(key: string): string {
  return TYPES[key.slice(key.lastIndexOf(":") + 1)];
}

/** Where what does not belong at a key is kept: in the same slot of a cluster. */
export function asideKey(key: string): string {
  return key.includes("{") ? `${key}:aside` : `{${key}}:aside`;
}
