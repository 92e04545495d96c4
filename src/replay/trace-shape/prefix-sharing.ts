import { RecentMap } from "../../lib/recent-map.ts";
import { PREFIX_BLOCK_TOKENS, type TraceRequest } from "../../model/traffic.ts";
import { SeenBlocks } from "./seen-blocks.ts";

export interface PrefixFigures {
  /** How it is known which prompts begin alike. */
  readonly by: "blocks" | "sessions";
  /** Tokens of a block; null where requests differ, or there are none. */
  readonly blockTokens: number | null;
  readonly distinctBlocks: number;
  /** The part of prompt tokens that lie in blocks that were there before, anywhere in a prompt. */
  readonly seenPart: number;
  /** The part of prompt tokens that an endless cache of prefixes would hold: up to the first new block. */
  readonly idealHitRate: number;
  /** How probably a new block is taken for a known one: above 0 only beyond half a million blocks. */
  readonly errorPart: number;
}

/** Conversations whose length is remembered. */
const MOST_SESSIONS = 1 << 15;

/** How much of prompts was there before. */
export class PrefixSharing {
  readonly #seen = new SeenBlocks();
  readonly #saidBy = new RecentMap<string, number>(MOST_SESSIONS);
  #withBlocks = 0;
  #inSessions = 0;
  /** 0 before the first, NaN where they differ. */
  #blockTokens = 0;
  #prompts = 0;
  #seenTokens = 0;
  #hitTokens = 0;

  /** @returns prompt tokens that an endless cache would hold */
  add(request: TraceRequest): number {
    const { inputTokens, prefixBlocks } = request;
    this.#prompts += inputTokens;
    const hit = prefixBlocks === undefined ? this.#ofSession(request) : this.#ofBlocks(request, prefixBlocks);
    this.#hitTokens += hit;
    return hit;
  }

  /** Null where the trace says nothing of it. */
  figures(): PrefixFigures | null {
    if (this.#withBlocks + this.#inSessions === 0) return null;
    const known = this.#withBlocks > 0 && this.#blockTokens > 0;
    return {
      by: this.#withBlocks > 0 ? "blocks" : "sessions",
      blockTokens: known ? this.#blockTokens : null,
      distinctBlocks: this.#seen.ids,
      seenPart: this.#seenTokens / this.#prompts,
      idealHitRate: this.#hitTokens / this.#prompts,
      errorPart: this.#seen.errorPart,
    };
  }

  #ofBlocks(
    { inputTokens, blockTokens = PREFIX_BLOCK_TOKENS }: TraceRequest,
    blocks: readonly number[],
  ): number {
    this.#withBlocks++;
    this.#blockTokens =
      this.#blockTokens === 0 || this.#blockTokens === blockTokens ? blockTokens : Number.NaN;
    let hit = 0;
    let leading = true;
    for (const [i, block] of blocks.entries()) {
      const tokens = Math.max(0, Math.min(blockTokens, inputTokens - i * blockTokens));
      if (this.#seen.add(block)) {
        this.#seenTokens += tokens;
        if (leading) hit += tokens;
      } else leading = false;
    }
    return hit;
  }

  /** A turn repeats what was said before, prompts and answers. */
  #ofSession({ session, inputTokens, outputTokens }: TraceRequest): number {
    if (session === undefined) return 0;
    const said = this.#saidBy.get(session);
    this.#saidBy.set(session, inputTokens + outputTokens);
    if (said !== undefined) this.#inSessions++;
    const hit = Math.min(said ?? 0, inputTokens);
    this.#seenTokens += hit;
    return hit;
  }
}
