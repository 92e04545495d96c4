import type { BatchedEngine } from "../model/batched-engine.ts";
import type { FittedEngine } from "../model/fitted-engine.ts";
import { BATCHING, type Batching } from "../twin/pool/batching.ts";

/** Requests that a rank runs at most: what a plan sets an engine to is found by that. */
export const RUNNING = 1024;

/** Whose way of filling steps the twin has: TensorRT-LLM's is vLLM's, answers and prompts beside them, and so is that of no engine in particular. */
export function batchedAs(engine: FittedEngine | null): BatchedEngine {
  return engine === "sglang" ? "sglang" : "vllm";
}

/** How the twin fills an engine's steps of so many tokens at most. */
export function batchingOf(engine: FittedEngine | null, stepTokens: number): Batching {
  return { ...BATCHING[batchedAs(engine)], stepTokens, runningPerRank: RUNNING };
}
