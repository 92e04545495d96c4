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
