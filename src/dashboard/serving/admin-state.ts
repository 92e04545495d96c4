import type { ShardRow } from "./shard-row.ts";

/** What `GET /admin/state` says, as far as this page reads it. */
export interface AdminState {
  readonly admission: {
    readonly inFlight: number;
    readonly queued: number;
    /** 0 for none. */
    readonly limit: number;
    /** Those with most requests inside; absent in answers of gateways before. */
    readonly tenants?: readonly TenantRow[];
  };
  readonly pools: readonly {
    readonly pool: string;
    readonly shards: readonly ShardRow[];
  }[];
}

export interface TenantRow {
  readonly tenant: string;
  /** Requests in flight or waiting, in this process and in the others. */
  readonly inside: number;
  readonly remoteInside: number;
  /** 0 for none. */
  readonly limit: number;
}

/** @throws where it cannot be had */
export async function fetchAdminState(key: string | null, signal: AbortSignal): Promise<AdminState> {
  const headers: HeadersInit = key === null ? {} : { authorization: `Bearer ${key}` };
  const response = await fetch(new URL("admin/state", document.baseURI), { headers, signal });
  if (!response.ok) throw new Error(`the gateway answers ${response.status}`);
  return (await response.json()) as AdminState;
}
