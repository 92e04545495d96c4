/** One step of a pool. */
export interface PoolStep {
  readonly tokens: number;
  /** Of these, tokens of prompts, and of requests that are forwarded anew. */
  readonly prefillTokens: number;
  /** Requests that decoded. */
  readonly decoding: number;
  /** How long it takes on the modelled hardware. */
  readonly ms: number;
  /** Requests that got an output token in this step, once for each, and of those the ones that are now complete. */
  readonly made: readonly number[];
  readonly finished: readonly number[];
  /** Requests of which this was the first forward pass. */
  readonly started: readonly number[];
  /** Requests that had to give up their cache since the step before, and wait again. */
  readonly preempted: readonly number[];
}
