import type { FrameKind, Usage } from "./frame.ts";

/** Where a count of output tokens is from; frames are a token each only where a server sends one at a time. */
export type TokensFrom = "usage" | "token_ids" | "frames";

/** How many frames there were of each kind. */
export type FrameCounts = Readonly<Record<FrameKind, number>>;

/** What has come of a response's body. Times are `performance.now()`'s. */
export interface Answer {
  /** When each frame with generated text (or reasoning, or part of a tool call) came. */
  readonly tokenTimes: readonly number[];
  readonly frames: FrameCounts;
  readonly usage: Usage | null;
  readonly outputTokens: number;
  readonly tokensFrom: TokensFrom;
  readonly finishReason: string | null;
  /** When its last part came that was more than `[DONE]`; null while nothing has come. */
  readonly lastPartAt: number | null;
  /** The shard of a Plimsoll that has gone on with the answer; null where none has. */
  readonly takenOverBy: string | null;
  /** Nothing can be missing any more. */
  readonly whole: boolean;
  /** As RequestRecord has it; what an end here and now would mean. */
  readonly failure: string | null;
  readonly errorText: string | null;
}

export interface AnswerReader extends Answer {
  /** @param at when it came */
  push(chunk: Buffer, at: number): void;
  /** The body has come to its end, as far as HTTP is concerned. */
  end(): void;
}

export function noFrames(): Record<FrameKind, number> {
  return { text: 0, reasoning: 0, tool: 0, role: 0, finish: 0, empty: 0, none: 0 };
}

/** Finish reasons of answers that were given up: vLLM's, SGLang's, TensorRT-LLM's and DeepSeek's. */
const GIVEN_UP = new Set([
  "abort",
  "aborted",
  "cancelled",
  "canceled",
  "error",
  "insufficient_system_resource",
  "not_finished",
  "timeout",
]);

/** A failure's name where a finish reason is none of success. */
export function failedFinish(reason: string | null): string | null {
  return reason !== null && GIVEN_UP.has(reason.toLowerCase()) ? `finish_${reason.toLowerCase()}` : null;
}
