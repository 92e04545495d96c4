/** How a request failed: no connection, the response broke off, a time limit, or a status that blames the engine. */
export type FailureKind = "connect" | "reset" | "timeout" | "status";

/** The outcome of a request: the first byte of a good answer arrived after so long, or it failed. */
export type Outcome =
  /** Answers of its server are arriving. */
  | { readonly shard: number; readonly alive: true }
  | { readonly shard: number; readonly firstByteMs: number; readonly failure: null }
  | { readonly shard: number; readonly failure: FailureKind };
