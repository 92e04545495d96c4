import { type FrameCounts, noFrames, type TokensFrom } from "../answer/answer.ts";
import type { RequestRecord } from "../request-record.ts";

/** Tokens of completed requests, and where their counts are from. */
export interface TokenSummary {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly askedTokens: number;
  /** Completed requests whose answers were shorter than asked for, and those that were longer. */
  readonly shortAnswers: number;
  readonly longAnswers: number;
  /** And those whose tokens nobody counted. */
  readonly unknownLengths: number;
  readonly reasoningTokens: number;
  /** Null where no server said. */
  readonly cachedTokens: number | null;
  /** The input of the requests whose servers said how much of it was cached. */
  readonly cacheableTokens: number;
  /** Completed requests by where their count of output tokens is from. */
  readonly countedBy: Readonly<Record<TokensFrom, number>>;
  readonly frames: FrameCounts;
}

export class TokenTally {
  #input = 0;
  #output = 0;
  #asked = 0;
  #short = 0;
  #long = 0;
  #unknown = 0;
  #reasoning = 0;
  #cached: number | null = null;
  #cacheable = 0;
  readonly #countedBy: Record<TokensFrom, number> = { usage: 0, token_ids: 0, tokenizer: 0, frames: 0 };
  readonly #frames = noFrames();

  add(record: RequestRecord): void {
    const { inputTokens, outputTokens, askedTokens, cachedTokens } = record;
    this.#input += inputTokens;
    this.#output += outputTokens;
    this.#asked += askedTokens;
    // A frame may hold several tokens: counts of them tell nothing of lengths.
    if (record.tokensFrom === "frames") this.#unknown++;
    else if (outputTokens < askedTokens) this.#short++;
    else if (outputTokens > askedTokens) this.#long++;
    this.#reasoning += record.reasoningTokens ?? 0;
    if (cachedTokens !== null) {
      this.#cached = (this.#cached ?? 0) + cachedTokens;
      this.#cacheable += inputTokens;
    }
    this.#countedBy[record.tokensFrom]++;
    for (const kind of Object.keys(this.#frames) as (keyof FrameCounts)[])
      this.#frames[kind] += record.frames[kind];
  }

  summary(): TokenSummary {
    return {
      inputTokens: this.#input,
      outputTokens: this.#output,
      askedTokens: this.#asked,
      shortAnswers: this.#short,
      longAnswers: this.#long,
      unknownLengths: this.#unknown,
      reasoningTokens: this.#reasoning,
      cachedTokens: this.#cached,
      cacheableTokens: this.#cacheable,
      countedBy: { ...this.#countedBy },
      frames: { ...this.#frames },
    };
  }
}
