/** Usage stands at the end of an answer, or of its last event but one. */
const KEPT_BYTES = 8192;
/** An object of counts is no longer. */
const MOST_USAGE_BYTES = 1024;
const OPEN_BRACE = 0x7b;
const COLON = 0x3a;
const SPACE = 0x20;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
/** No count of tokens has more digits. */
const MOST_DIGITS = 9;

const DONE = Buffer.from("data: [DONE]");
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

/** What an engine says that a request and its answer came to. Null for what it does not say. */
export interface AnswerUsage {
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  readonly cachedTokens: number | null;
}

/** Keeps the ends of an answer while it passes, and reads the engine's counts there. Nothing is moved or parsed before. */
export class AnswerTail {
  /** Counts of the prompt may stand in the first event alone. */
  #first: Buffer | null = null;
  readonly #kept: Buffer[] = [];
  #keptBytes = 0;
  #bytes = 0;

  /** Bytes of the answer so far. */
  get bytes(): number {
    return this.#bytes;
  }

  take(chunk: Buffer): void {
    this.#first ??= chunk;
    this.#bytes += chunk.length;
    this.#keptBytes += chunk.length;
    this.#kept.push(chunk);
    while (this.#keptBytes - this.#kept[0].length >= KEPT_BYTES)
      this.#keptBytes -= (this.#kept.shift() as Buffer).length;
  }

  /** Whether its last frame is the one that says that a stream is whole, and has no token. */
  get isDone(): boolean {
    const end = this.#end();
    return end.indexOf(DONE, Math.max(0, end.length - LAST_FRAME_BYTES)) >= 0;
  }

  #end(): Buffer {
    return this.#kept.length === 1 ? this.#kept[0] : Buffer.concat(this.#kept);
  }

  usage(): AnswerUsage {
    const first = this.#first;
    const end = this.#end();
    const objects = [usageIn(end), first === null || end === first ? null : usageIn(first)];
    const counts = objects.filter((object) => object !== null);
    const read = countIn(counts, CACHE_READ);
    const input = countIn(counts, INPUT);
    return {
      inputTokens: input === null ? null : input + (read ?? 0) + (countIn(counts, CACHE_MADE) ?? 0),
      outputTokens: countIn(counts, OUTPUT),
      cachedTokens: read ?? countIn(counts, CACHED),
    };
  }
}

/** From the last object of counts on; null where there is none. */
function usageIn(text: Buffer): Buffer | null {
  for (const name of USAGE) {
    for (let at = text.lastIndexOf(name); at >= 0; at = at === 0 ? -1 : text.lastIndexOf(name, at - 1)) {
      const value = valueAt(text, at + name.length);
      if (text[value] === OPEN_BRACE) return text.subarray(value, value + MOST_USAGE_BYTES);
    }
  }
  return null;
}

/** The count of one of these names, in the first of the objects that has one. */
function countIn(objects: readonly Buffer[], names: readonly Buffer[]): number | null {
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
function quoted(name: string): Buffer {
  return Buffer.from(`"${name}"`);
}

/** Where the value begins; −1 where no colon is before it. */
function valueAt(text: Buffer, from: number): number {
  const colon = pastSpace(text, from);
  return text[colon] === COLON ? pastSpace(text, colon + 1) : -1;
}

function countAt(text: Buffer, start: number): number | null {
  let at = start;
  let count = 0;
  for (; text[at] >= DIGIT_0 && text[at] <= DIGIT_9; at++) count = count * 10 + text[at] - DIGIT_0;
  return at > start && at - start <= MOST_DIGITS ? count : null;
}

function pastSpace(text: Buffer, from: number): number {
  let at = from;
  while (text[at] <= SPACE) at++;
  return at;
}
