/** Tokens that an engine reports with an answer; null for what it does not say. */
export interface Usage {
  readonly prompt: number | null;
  readonly answer: number | null;
  /** Of the prompt, what was found in a cache. */
  readonly cached: number | null;
}

/** Engines report behind the text: at the end of an answer, or of its last event but one. */
const LOOKED_AT_BYTES = 4096;
/** An Anthropic stream says of its prompt in its first event alone, which says in its first bytes what it is. */
const FIRST_EVENT = "message_start";
const NAMED_WITHIN_BYTES = 64;
const FIRST_EVENT_BYTES = 2048;
/** An object of counts is no longer. */
const MOST_USAGE_BYTES = 1024;
const SPACE = 0x20;
const DIGIT_0 = 0x30;
/** No count of tokens has more digits. */
const MOST_DIGITS = 9;

const DONE = "data: [DONE]";
/** With any line ends. */
const LAST_FRAME_BYTES = DONE.length + 4;

/** What the counts stand in: in OpenAI's and Anthropic's answers, and those of SGLang's own route. */
const USAGE = ["usage", "meta_info"].map(quoted);
/** By chat and completions, and by the responses and messages routes. */
const OUTPUT = ["completion_tokens", "output_tokens"].map(quoted);
const INPUT = ["prompt_tokens", "input_tokens"].map(quoted);
const CACHED = ["cached_tokens"].map(quoted);
/** Anthropic's count of input tokens is without these. */
const CACHE_READ = ["cache_read_input_tokens"].map(quoted);
const CACHE_MADE = ["cache_creation_input_tokens"].map(quoted);
/** SGLang's `/generate` has it as an object's `type`, Anthropic calls it `stop_reason`. */
const FINISH =
  /"(?:finish_reason|stop_reason)"\s{0,8}:\s{0,8}(?:\{\s{0,8}"type"\s{0,8}:\s{0,8})?"([a-z_]{1,40})"/g;

/**
 * Finds what an engine says of tokens at the ends of its answer, streamed or not, in the words of OpenAI, Anthropic and
 * SGLang. A quote inside of a text is written with a backslash, so that no text is taken for it. Chunks are kept as they
 * are, those of the last 4 to 8 KiB and of an Anthropic stream's first 2; nothing is moved or parsed before the end.
 */
export class UsageSearch {
  /** Null once it is known that nothing more is to be kept of the beginning. */
  #begin: Buffer[] | null = [];
  #beginBytes = 0;
  #first: string | null = null;
  /** The latest ones, and those before them: each of fewer bytes than are looked at, but for its last chunk. */
  #last: Buffer[] = [];
  #lastBytes = 0;
  #before: Buffer[] = [];
  #bytes = 0;

  /** Bytes of the answer so far. */
  get bytes(): number {
    return this.#bytes;
  }

  take(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#begin !== null) this.#takeBegin(this.#begin, chunk);
    if (this.#lastBytes >= LOOKED_AT_BYTES) {
      this.#before = this.#last;
      this.#last = [];
      this.#lastBytes = 0;
    }
    this.#last.push(chunk);
    this.#lastBytes += chunk.length;
  }

  /** Whether its last frame is the one that says that a stream is whole, and has no token. */
  get isDone(): boolean {
    return this.#end().slice(-LAST_FRAME_BYTES).includes(DONE);
  }

  /** What was said last. */
  found(): Usage {
    const counts = [lastUsageIn(this.#end()), this.#firstUsage()].filter((object) => object !== null);
    const read = countIn(counts, CACHE_READ);
    const input = countIn(counts, INPUT);
    return {
      prompt: input === null ? null : input + (read ?? 0) + (countIn(counts, CACHE_MADE) ?? 0),
      answer: countIn(counts, OUTPUT),
      cached: read ?? countIn(counts, CACHED),
    };
  }

  /** Why the engine stopped, in its own word; null where it does not say. */
  finish(): string | null {
    return [...this.#end().matchAll(FINISH)].at(-1)?.[1] ?? null;
  }

  #takeBegin(begin: Buffer[], chunk: Buffer): void {
    begin.push(chunk);
    this.#beginBytes += chunk.length;
    if (this.#beginBytes < NAMED_WITHIN_BYTES) return;
    const goesOn = isFirstEvent(begin);
    if (goesOn && this.#beginBytes < FIRST_EVENT_BYTES) return;
    if (goesOn) this.#first = textOf(begin);
    this.#begin = null;
  }

  #firstUsage(): string | null {
    if (this.#first !== null) return firstUsageIn(this.#first);
    return this.#begin !== null && isFirstEvent(this.#begin) ? firstUsageIn(textOf(this.#begin)) : null;
  }

  #end(): string {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for (const part of [this.#last, this.#before]) {
      for (let i = part.length - 1; i >= 0 && bytes < LOOKED_AT_BYTES; i--) {
        chunks.push(part[i]);
        bytes += part[i].length;
      }
    }
    return textOf(chunks.toReversed(), Math.max(0, bytes - LOOKED_AT_BYTES));
  }
}

/** A character for each byte: strings are searched faster than bytes. */
function textOf(chunks: readonly Buffer[], from = 0, to?: number): string {
  const bytes = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
  return bytes.toString("latin1", from, to);
}

function isFirstEvent(begin: readonly Buffer[]): boolean {
  return textOf(begin, 0, NAMED_WITHIN_BYTES).includes(FIRST_EVENT);
}

/** From the last object of counts on; null where there is none. */
function lastUsageIn(text: string): string | null {
  for (const name of USAGE) {
    for (let at = text.lastIndexOf(name); at >= 0; at = at === 0 ? -1 : text.lastIndexOf(name, at - 1)) {
      const object = objectAt(text, at + name.length);
      if (object !== null) return object;
    }
  }
  return null;
}

/** From the first one on, of a stream's first event. */
function firstUsageIn(text: string): string | null {
  for (const name of USAGE) {
    for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
      const object = objectAt(text, at + name.length);
      if (object !== null) return object;
    }
  }
  return null;
}

function objectAt(text: string, from: number): string | null {
  const value = valueAt(text, from);
  return text[value] === "{" ? text.slice(value, value + MOST_USAGE_BYTES) : null;
}

/** The count of one of these names, in the first of the objects that has one. */
function countIn(objects: readonly string[], names: readonly string[]): number | null {
  for (const object of objects) {
    for (const name of names) {
      const at = object.indexOf(name);
      const count = at < 0 ? null : countAt(object, valueAt(object, at + name.length));
      if (count !== null) return count;
    }
  }
  return null;
}

/** Inside a text of JSON a quote has a backslash before it: what is found in its quotes is a field's name. */
function quoted(name: string): string {
  return `"${name}"`;
}

/** Where the value begins; −1 where no colon is before it. */
function valueAt(text: string, from: number): number {
  const colon = pastSpace(text, from);
  return text[colon] === ":" ? pastSpace(text, colon + 1) : -1;
}

function countAt(text: string, start: number): number | null {
  let at = start;
  let count = 0;
  for (let digit = digitAt(text, at); digit >= 0 && digit <= 9; digit = digitAt(text, ++at))
    count = count * 10 + digit;
  return at > start && at - start <= MOST_DIGITS ? count : null;
}

function pastSpace(text: string, from: number): number {
  let at = from;
  while (text.charCodeAt(at) <= SPACE) at++;
  return at;
}

/** Outside of 0 to 9, or NaN, where there is none. */
function digitAt(text: string, at: number): number {
  return text.charCodeAt(at) - DIGIT_0;
}
