import { type EngineShape, PLAIN_SHAPE } from "../model/engine-shape.ts";

/** How an engine runs what it is given. */
export interface EngineSettings {
  readonly shape: EngineShape;
  /** Tokens a rank forwards per step at most: bounds how long a prompt holds up everybody's next token. */
  readonly stepTokens: number;
  /** Requests a rank decodes at once. */
  readonly runningPerRank: number;
  /** Whether prompts are forwarded in steps of their own, before all answers (SGLang), or beside them. */
  readonly promptsApart: boolean;
  /** Whether two micro-batches overlap where that is faster. */
  readonly overlaps: boolean;
}

/** DeepSeek-V3 on SGLang ran 256 requests per GPU (LMSYS, 96 × H100). */
export const RUNNING_PER_RANK = 256;

/** Data-parallel attention with expert parallelism, as DeepSeek serves. */
export const WIDE_EP_ENGINE: EngineSettings = {
  shape: PLAIN_SHAPE,
  stepTokens: 2048,
  runningPerRank: RUNNING_PER_RANK,
  promptsApart: false,
  overlaps: true,
};
