/** Tokens that an engine reports with an answer; null for what it does not say. */
export interface Usage {
  readonly prompt: number | null;
  readonly answer: number | null;
  /** Of the prompt, what was found in a cache. */
  readonly cached: number | null;
}

/** Engines report behind the text. */
const LOOKED_AT_BYTES = 4096;
const PROMPT = /"(?:prompt_tokens|input_tokens)"\s{0,8}:\s{0,8}(\d{1,9})\b/g;
const ANSWER = /"(?:completion_tokens|output_tokens)"\s{0,8}:\s{0,8}(\d{1,9})\b/g;
const CACHED = /"cached_tokens"\s{0,8}:\s{0,8}(\d{1,9})\b/g;
/** SGLang's `/generate` has it as an object's `type`, Anthropic calls it `stop_reason`. */
const FINISH =
  /"(?:finish_reason|stop_reason)"\s{0,8}:\s{0,8}(?:\{\s{0,8}"type"\s{0,8}:\s{0,8})?"([a-z_]{1,40})"/g;
const NOTHING = Buffer.alloc(0);

/**
 * Finds what an engine says of tokens in the last bytes of its answer, streamed or not, in the words of OpenAI, Anthropic
 * and SGLang. A quote inside of a text is written with a backslash, so that no text is taken for it. Of an answer, two
 * chunks are kept, and nothing is done before its end.
 */
export class UsageSearch {
  #last: Buffer = NOTHING;
  #before: Buffer = NOTHING;

  take(chunk: Buffer): void {
    this.#before = this.#last;
    this.#last = chunk;
  }

  /** What was said last. */
  found(): Usage {
    const text = this.#end();
    return { prompt: countIn(text, PROMPT), answer: countIn(text, ANSWER), cached: countIn(text, CACHED) };
  }

  /** Why the engine stopped, in its own word; null where it does not say. */
  finish(): string | null {
    return lastOf(this.#end(), FINISH);
  }

  #end(): string {
    const last = this.#last.toString("latin1", Math.max(0, this.#last.length - LOOKED_AT_BYTES));
    const room = LOOKED_AT_BYTES - last.length;
    const before = this.#before.toString("latin1", Math.max(0, this.#before.length - room));
    return before + last;
  }
}

function countIn(text: string, pattern: RegExp): number | null {
  const count = lastOf(text, pattern);
  return count === null ? null : Number(count);
}

function lastOf(text: string, pattern: RegExp): string | null {
  return [...text.matchAll(pattern)].at(-1)?.[1] ?? null;
}
