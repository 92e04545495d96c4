import { USUAL_PERCENTILES, type ServiceTarget } from "./service-target.ts";

/** A kind of service: how long its requests are, and how soon they are answered. */
export interface SloPreset {
  /** Tokens of a prompt and of an answer, on average. */
  readonly isl: number;
  readonly osl: number;
  readonly target: ServiceTarget;
}

/**
 * What serving teams ask for at the 95th percentile: chat, retrieval and summarisation as users of llm-d and vLLM know them.
 * Agents: lengths of Mooncake's tool-and-agent trace (FAST'25: 8,596 and 182 tokens on average), rounded; its times are ours,
 * those of retrieval for a prompt twice as long.
 */
export const SLO_PRESETS = {
  chat: { isl: 512, osl: 256, target: { ttftMs: 150, itlMs: 25, ...USUAL_PERCENTILES } },
  retrieval: { isl: 4096, osl: 512, target: { ttftMs: 600, itlMs: 30, ...USUAL_PERCENTILES } },
  summarisation: { isl: 10_240, osl: 1536, target: { ttftMs: 1000, itlMs: 40, ...USUAL_PERCENTILES } },
  agents: { isl: 8600, osl: 180, target: { ttftMs: 1200, itlMs: 30, ...USUAL_PERCENTILES } },
} satisfies Record<string, SloPreset>;

export type SloPresetName = keyof typeof SLO_PRESETS;
