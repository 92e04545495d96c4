/** Who sends to whom in a pool, as `GET /ep/v1/exchange/:pool` has it (the gateway's own: src/http/exchange-route.ts). */
export interface Exchange {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly spanMs: number;
  readonly by: "gpu" | "node";
  readonly units: number;
  readonly basis: "counted" | "worked out" | "unknown";
  /** For a person. */
  readonly how: string;
  /** `[units][units]`, source × destination; null where it is not known. */
  readonly selectionsPerSecond: readonly (readonly number[])[] | null;
  readonly tokensPerSecond: readonly (readonly number[])[] | null;
  readonly ownGpuPerSecond: number | null;
  readonly ownNodePerSecond: number | null;
  readonly hopsPerToken: number | null;
  readonly nodeHopsPerToken: number | null;
  /** Source ranks of which nothing is known. */
  readonly silent: readonly number[];
}

/** Nodes whose GPUs are looked at: senders and receivers; null for all of them, of one side at most. */
export interface NodeBlock {
  readonly from: number | null;
  readonly to: number | null;
}

/** Their GPUs, as `?from=&to=` gives them. */
export interface GpuBlock {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  /** GPUs, ascending. */
  readonly rows: readonly number[];
  readonly columns: readonly number[];
  /** `[rows][columns]`, source × destination; null where it is not known. */
  readonly selectionsPerSecond: readonly (readonly number[])[];
  readonly tokensPerSecond: readonly (readonly number[])[] | null;
  /** A mean pair of GPUs of the whole pool. */
  readonly evenSelectionsPerSecond: number;
  readonly evenTokensPerSecond: number | null;
}

export interface ExchangeAnswer {
  /** Null where nothing was published yet. */
  readonly exchange: Exchange | null;
  /** Null where no block is asked for, or none is known. */
  readonly block: GpuBlock | null;
}
