/** What the modelled pool carries under each way of balancing, and how it answers at one offered load. */
export interface LoadLines {
  /** Prompt and output tokens that arrive a second. */
  readonly offeredTokensPerSecond: number;
  readonly policies: readonly LoadLine[];
}

export interface LoadLine {
  readonly name: string;
  readonly title: string;
  /** Prompt and output tokens a second when more arrives than it can take. */
  readonly mostTokensPerSecond: number | null;
  /** At the offered load. */
  readonly offered: {
    readonly tokensPerSecond: number | null;
    readonly ttftMs: Percentiles | null;
    readonly tpotMs: Percentiles | null;
    readonly balancedness: number | null;
  };
}

interface Percentiles {
  readonly p50: number;
  readonly p95: number;
}
