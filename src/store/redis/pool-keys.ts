/** Where a pool's part lies: all in one slot of a cluster. */
export interface PoolKeys {
  readonly lease: string;
  readonly fence: string;
  readonly epochs: string;
  readonly values: string;
  readonly changes: string;
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
    messages: key("messages"),
    audit: key("audit"),
    claims: key("claims"),
    learned: key("learned"),
    offered: key("offered"),
  };
}
