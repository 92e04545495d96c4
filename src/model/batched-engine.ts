/** Engines whose way of filling steps the twin has. */
export const BATCHED_ENGINES = ["vllm", "sglang"] as const;

export type BatchedEngine = (typeof BATCHED_ENGINES)[number];
