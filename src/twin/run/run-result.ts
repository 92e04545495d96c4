import type { SampleSummary } from "../../lib/sample.ts";
import type { PoolRole } from "../pool/pool-role.ts";

/** A run in virtual time; latencies in virtual milliseconds. */
export interface VirtualRunResult {
  readonly virtualMs: number;
  readonly requests: number;
  /** Longer than a rank's cache, or turned away by admission. */
  readonly refused: number;
  /** Their rank was lost after their first token, or too often before it. */
  readonly failed: number;
  /** Times that a request was sent again since its rank was lost. */
  readonly resent: number;
  /** Times that a rank had no cache left for one that ran. */
  readonly preemptions: number;
  /** Of all that were let in. */
  readonly inputTokens: number;
  /** Of these, prompt tokens that were in the cache of the rank that got the request. */
  readonly cachedTokens: number;
  readonly outputTokens: number;
  readonly steps: number;
  /** Σ mean / Σ max GPU load over steps and layers; like the hops per token and layer, null when nothing was forwarded. */
  readonly balancedness: number | null;
  readonly nodeHopsPerToken: number | null;
  readonly hopsPerToken: number | null;
  readonly ttftMs: SampleSummary | null;
  readonly itlMs: SampleSummary | null;
  readonly tpotMs: SampleSummary | null;
  readonly e2eMs: SampleSummary | null;
  readonly epochs: number;
  readonly movedSlots: number;
  /** Prompt and output tokens forwarded a second, from `measuredFromMs` to `durationMs`; null where there were none. */
  readonly tokensPerSecond: number | null;
  readonly pools: readonly PoolResult[];
}

/** What one of the pools did. */
export interface PoolResult {
  readonly name: string;
  readonly role: PoolRole;
  readonly steps: number;
  readonly tokens: number;
  readonly meanStepMs: number | null;
  readonly balancedness: number | null;
  readonly nodeHopsPerToken: number | null;
  readonly hopsPerToken: number | null;
  readonly epochs: number;
  readonly movedSlots: number;
}
