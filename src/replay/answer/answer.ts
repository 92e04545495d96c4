import type { FrameKind } from "./frame.ts";
import type { Usage } from "./usage.ts";

/** Where a count of output tokens is from; frames are a token each only where a server sends one at a time. */
export type TokensFrom = "usage" | "token_ids" | "tokenizer" | "frames";

/** Counts the tokens of generated text, where the server does not. */
export type TextCounter = (text: string) => number;

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
  /** The server's name for it, as it stands in the answer itself. */
  readonly id: string | null;
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
