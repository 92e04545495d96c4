/** Usage stands at the end of an answer, or of its last event but one. */
const KEPT_BYTES = 8192;
const COLON = 0x3a;
const SPACE = 0x20;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
/** No count of tokens has more digits. */
const MOST_DIGITS = 9;

/** By OpenAI's chat and completions and SGLang's own route, and by the responses and messages routes. */
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

  usage(): AnswerUsage {
    if (this.#first === null) return { inputTokens: null, outputTokens: null, cachedTokens: null };
    const ends = [this.#kept.length === 1 ? this.#kept[0] : Buffer.concat(this.#kept), this.#first];
    const read = countIn(ends, CACHE_READ);
    const made = countIn(ends, CACHE_MADE);
    const input = countIn(ends, INPUT);
    return {
      inputTokens: input === null ? null : input + (read ?? 0) + (made ?? 0),
      outputTokens: countIn(ends, OUTPUT),
      cachedTokens: read ?? countIn(ends, CACHED),
    };
  }
}

/** The last count of one of these names, in the first of the texts that has one. */
function countIn(texts: readonly Buffer[], names: readonly Buffer[]): number | null {
  for (const text of texts) {
    for (const name of names) {
      const at = text.lastIndexOf(name);
      const count = at < 0 ? null : countAt(text, at + name.length);
      if (count !== null) return count;
    }
  }
  return null;
}

/** Inside a text of JSON a quote has a backslash before it: what is found in its quotes is a field's name. */
function quoted(name: string): Buffer {
  return Buffer.from(`"${name}"`);
}

function countAt(text: Buffer, from: number): number | null {
  let at = pastSpace(text, from);
  if (text[at] !== COLON) return null;
  at = pastSpace(text, at + 1);
  let count = 0;
  const start = at;
  for (; text[at] >= DIGIT_0 && text[at] <= DIGIT_9; at++) count = count * 10 + text[at] - DIGIT_0;
  return at > start && at - start <= MOST_DIGITS ? count : null;
}

function pastSpace(text: Buffer, from: number): number {
  let at = from;
  while (text[at] <= SPACE) at++;
  return at;
}
