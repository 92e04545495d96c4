import type { AccessKey } from "../config/access-config.ts";

/** Who asks, by a key or a token that was found good. */
export interface Identity {
  /** The key's name, or the token's subject. */
  readonly id: string;
  readonly isClient: boolean;
  readonly isOperator: boolean;
  readonly isEngine: boolean;
  /** Whose limits and priority its requests have. */
  readonly tenant: string;
  /** The models that it may ask for; null for all. */
  readonly models: ReadonlySet<string> | null;
  /** Of an engine: the pools and ranks it may report for; null for all. */
  readonly pools: ReadonlySet<string> | null;
  readonly ranks: AccessKey["ranks"];
  /** In milliseconds since 1970; Infinity for never. */
  readonly expiresMs: number;
}

/** Whether an engine may report for a rank of a pool. @param rank null for the whole pool, which its first rank may */
export function reportsFor({ pools, ranks }: Identity, pool: string, rank: number | null): boolean {
  if (pools !== null && !pools.has(pool)) return false;
  return ranks === null || ranks.some(([first, last]) => first <= (rank ?? 0) && (rank ?? 0) <= last);
}

/** How many ranks an engine may report for; Infinity for all. */
export function ranksOf({ ranks }: Identity): number {
  return ranks?.reduce((sum, [first, last]) => sum + last - first + 1, 0) ?? Number.POSITIVE_INFINITY;
}

export function identityOf({ id, role, tenant, models, pools, ranks, expiresMs }: AccessKey): Identity {
  return {
    id,
    isClient: role === "client",
    isOperator: role === "operator",
    isEngine: role === "engine",
    tenant,
    models: models === null ? null : new Set(models),
    pools: pools === null ? null : new Set(pools),
    ranks,
    expiresMs: expiresMs ?? Number.POSITIVE_INFINITY,
  };
}
