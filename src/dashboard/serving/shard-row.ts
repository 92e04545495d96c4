export interface ShardRow {
  readonly id: string;
  readonly requests: number;
  readonly tokens: number;
  readonly reported: { readonly waiting: number; readonly kvUse: number | null };
  readonly health: {
    readonly ready: boolean;
    readonly circuit: string;
    readonly ejectedForMs: number;
    readonly weight: number;
    /** Absent where the gateway is of an earlier version. */
    readonly tier?: number;
    readonly lack: string | null;
    readonly lastFailure: string | null;
  };
}

/** How a shard is, in a few words: why it gets nothing, or less. */
export function healthText({
  ready,
  circuit,
  ejectedForMs,
  weight,
  tier = 0,
  lack,
  lastFailure,
}: ShardRow["health"]): string {
  const failed = lastFailure === null ? "" : ` (last failure: ${lastFailure})`;
  if (!ready) return lack ?? "not ready";
  if (ejectedForMs > 0) return `ejected for ${Math.ceil(ejectedForMs / 1000)} s${failed}`;
  if (circuit !== "closed") return `circuit ${circuit}${failed}`;
  if (weight < 1) return `starting, ${Math.round(weight * 100)} % of its part`;
  if (lack === null && tier > 0) return "ready, as a backup";
  return lack ?? "ready";
}
