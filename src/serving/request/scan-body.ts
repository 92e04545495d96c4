import { isUtf8 } from "node:buffer";
import { InvalidRequest } from "../refusals.ts";

/** A part of the body: from `start` to before `end`; both 0 when it is not there. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** What routing reads of a request's body. */
export interface BodyFields {
  /** Null when the body names none. */
  readonly model: string | null;
  readonly stream: boolean;
  /** The most tokens it may generate; null when it sets no limit. */
  readonly maxTokens: number | null;
  /** Names the conversation, for servers that keep something of it. */
  readonly session: string | null;
  /** The prompt, as JSON. */
  readonly prompt: ByteRange;
  /** Tools stand before the prompt in what the model reads. */
  readonly tools: ByteRange;
  /** Bytes of the prompt that are media in place (`data:` URLs), and how many such there are. */
  readonly mediaBytes: number;
  readonly media: number;
  /** Where further fields can be put in: the closing brace. */
  readonly end: number;
  readonly empty: boolean;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const SPACE = 0x20;
/** Longer strings are searched by the platform, which looks at many bytes at once. */
const SHORT_STRING = 24;
const DATA_URL = Buffer.from('"data:');

/**
 * Reads the top level of a JSON object, once, and of its values only what routing needs; what lies deeper is passed
 * over unread, and the engine is its judge. Of a field named twice the last counts, as with every JSON parser known to
 * the engines, so that gateway and engine cannot read one body in two ways.
 * @throws InvalidRequest
 */
export function scanBody(body: Buffer): BodyFields {
  if (!isUtf8(body)) throw new InvalidRequest("The body is not valid UTF-8.", null);
  return new BodyScan(body).read();
}

class BodyScan {
  readonly #body: Buffer;
  #at = 0;
  #media = 0;
  #mediaBytes = 0;

  constructor(body: Buffer) {
    this.#body = body;
  }

  read(): BodyFields {
    const body = this.#body;
    const fields = {
      model: null as string | null,
      stream: false,
      maxTokens: null as number | null,
      session: null as string | null,
      prompt: { start: 0, end: 0 },
      tools: { start: 0, end: 0 },
      mediaBytes: 0,
      media: 0,
      end: 0,
      empty: true,
    };
    if (this.#next() !== OPEN_BRACE) throw new InvalidRequest("The body must be a JSON object.", null);
    this.#at++;
    if (this.#next() === CLOSE_BRACE) {
      fields.end = this.#at++;
    } else {
      fields.empty = false;
      for (;;) {
        const key = this.#key();
        const start = this.#at;
        this.#skipValue();
        this.#take(fields, key, start, this.#at);
        const byte = this.#next();
        if (byte === CLOSE_BRACE) break;
        if (byte !== COMMA) throw malformed(`expected a comma at byte ${this.#at}`);
        this.#at++;
      }
      fields.end = this.#at++;
    }
    this.#next();
    if (this.#at < body.length) throw malformed(`something follows the object at byte ${this.#at}`);
    fields.media = this.#media;
    fields.mediaBytes = this.#mediaBytes;
    return fields;
  }

  #take(fields: Writable<BodyFields>, key: string, start: number, end: number): void {
    switch (key) {
      case "model":
        fields.model = this.#string(key, start, end);
        return;
      case "stream":
        fields.stream = this.#body[start] === 0x74;
        return;
      case "max_completion_tokens":
      case "max_tokens":
      case "max_output_tokens":
        fields.maxTokens = this.#count(start, end) ?? fields.maxTokens;
        return;
      case "sampling_params":
        fields.maxTokens = this.#nestedCount("max_new_tokens", start, end) ?? fields.maxTokens;
        return;
      case "prompt_cache_key":
      case "user":
        // Some clients send an empty one.
        if (this.#body[start] === QUOTE && end - start > 2) fields.session = this.#string(key, start, end);
        return;
      case "messages":
      case "prompt":
      case "input":
      case "text":
      case "input_ids":
      case "query":
      case "text_1":
      case "system":
      case "instructions":
        // What stands between two of them is hashed along.
        if (fields.prompt.end === 0) fields.prompt = { start, end };
        else fields.prompt = { start: fields.prompt.start, end };
        return;
      case "tools":
        fields.tools = { start, end };
        return;
      default:
    }
  }

  /** A non-empty string. */
  #string(key: string, start: number, end: number): string {
    const value = this.#body[start] === QUOTE ? this.#unquoted(start, end) : "";
    if (value === "") throw new InvalidRequest(`\`${key}\` must be a non-empty string.`, key);
    return value;
  }

  #count(start: number, end: number): number | null {
    const value = Number(this.#body.toString("latin1", start, end));
    return value > 0 && Number.isFinite(value) ? value : null;
  }

  #nestedCount(key: string, start: number, end: number): number | null {
    const at = this.#body.subarray(start, end).indexOf(`"${key}"`);
    if (at < 0) return null;
    const found = /^\s*:\s*(\d{1,9})/.exec(this.#body.toString("latin1", start + at + key.length + 2, end));
    return found === null ? null : Number(found[1]);
  }

  #key(): string {
    if (this.#next() !== QUOTE) throw malformed(`expected a field's name at byte ${this.#at}`);
    const start = this.#at;
    this.#skipString();
    const key = this.#unquoted(start, this.#at);
    if (this.#next() !== COLON) throw malformed(`expected a colon at byte ${this.#at}`);
    this.#at++;
    this.#next();
    return key;
  }

  /** The text of a JSON string with its quotes. */
  #unquoted(start: number, end: number): string {
    const text = this.#body.toString("utf8", start + 1, end - 1);
    if (!text.includes("\\")) return text;
    try {
      return JSON.parse(`"${text}"`) as string;
    } catch {
      throw malformed(`the string at byte ${start} has an unknown escape`);
    }
  }

  /** The byte at hand after white space; NaN at the end. */
  #next(): number {
    const body = this.#body;
    let at = this.#at;
    while (at < body.length && body[at] <= SPACE && isSpace(body[at])) at++;
    this.#at = at;
    return at < body.length ? body[at] : Number.NaN;
  }

  #skipValue(): void {
    const body = this.#body;
    const first = body[this.#at];
    if (first === QUOTE) return this.#skipString();
    if (first === OPEN_BRACE || first === OPEN_BRACKET) return this.#skipNested();
    const start = this.#at;
    let at = start;
    while (at < body.length && !endsLiteral(body[at])) at++;
    if (!LITERAL.test(body.toString("latin1", start, Math.min(at, start + LONGEST_LITERAL))))
      throw malformed(`expected a value at byte ${start}`);
    this.#at = at;
  }

  /** Over an object or array and all within. */
  #skipNested(): void {
    const body = this.#body;
    const { length } = body;
    let depth = 0;
    for (let at = this.#at; at < length; at++) {
      const byte = body[at];
      if (byte === QUOTE) {
        this.#at = at;
        this.#skipString();
        at = this.#at - 1;
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        depth++;
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        depth--;
        if (depth === 0) {
          this.#at = at + 1;
          return;
        }
      }
    }
    throw malformed("it ends too soon");
  }

  /** Over a string, from its first quote to after its last. */
  #skipString(): void {
    const body = this.#body;
    const start = this.#at;
    let at = start + 1;
    for (;;) {
      const near = Math.min(at + SHORT_STRING, body.length);
      while (at < near && body[at] !== QUOTE && body[at] !== BACKSLASH) at++;
      if (at >= near) at = this.#farQuote(at);
      if (body[at] === QUOTE) break;
      at += 2;
    }
    this.#at = at + 1;
    if (at - start > SHORT_STRING && body[start + 1] === 0x64 && startsDataUrl(body, start)) {
      this.#media++;
      this.#mediaBytes += at - start;
    }
  }

  /** Where the string that goes on at `from` ends: a quote with an even number of backslashes before it. */
  #farQuote(from: number): number {
    const body = this.#body;
    let at = from;
    for (;;) {
      at = body.indexOf(QUOTE, at);
      if (at < 0) throw malformed("a string in it does not end");
      let backslashes = 0;
      while (at - backslashes > from && body[at - backslashes - 1] === BACKSLASH) backslashes++;
      if (backslashes % 2 === 0) return at;
      at++;
    }
  }
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

const LITERAL = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/;
const LONGEST_LITERAL = 400;

function isSpace(byte: number): boolean {
  return byte === SPACE || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function endsLiteral(byte: number): boolean {
  return byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET || isSpace(byte);
}

function startsDataUrl(body: Buffer, start: number): boolean {
  return body.compare(DATA_URL, 0, DATA_URL.length, start, start + DATA_URL.length) === 0;
}

function malformed(what: string): InvalidRequest {
  return new InvalidRequest(`The body is not valid JSON: ${what}.`, null);
}
