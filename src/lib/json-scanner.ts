import { NUMBER_BEGINS, endsNumber, nextOfNumber } from "./json-number.ts";

// Each module that reads bytes has these of its own: V8 takes an imported constant for a variable.
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** Longer strings are searched by the platform, which looks at many bytes at once. */
const SHORT_STRING = 24;
/** Strings, with their quotes, that are told of. */
const LONG_STRING = 64;

/** Is told of long strings as a scanner passes them. */
export interface StringListener {
  /** A string of 64 bytes and more, quotes and all; places are as in the bytes given to `take`. */
  longString(start: number, end: number): void;
}

/** The kind of value at hand. */
const NONE = 0;
const STRING = 1;
const NESTED = 2;
const NUMBER = 3;
const WORD = 4;

/** Bytes below it other than the quote are passed over in objects and arrays: digits, signs, commas, white space. */
const LEAST_LETTER = 0x3b;
/** What any other byte is there: nothing of note, or one of these. */
const PLAIN = 0;
const FOREIGN = 1;
const OPENING = 2;
const CLOSING = 3;
const QUOTING = 4;
const ROLE = new Uint8Array(256).fill(FOREIGN);
for (const byte of "eEtrufalsn") ROLE[byte.charCodeAt(0)] = PLAIN;
ROLE[OPEN_BRACE] = ROLE[OPEN_BRACKET] = OPENING;
ROLE[CLOSE_BRACE] = ROLE[CLOSE_BRACKET] = CLOSING;
ROLE[QUOTE] = QUOTING;

const WORDS = new Map(["true", "false", "null"].map((word) => [word.charCodeAt(0), word]));

/**
 * Goes over values of JSON, one after the other, as their bytes come, cut anywhere, and holds none of them. Numbers and
 * words are held to JSON's grammar; of objects and arrays the brackets are counted, and letters refused that stand in
 * none. Time is in proportion to the bytes, whatever they are.
 */
export class JsonScanner {
  /** The value has ended. */
  over = false;
  /** What is wrong with it, as in `expected a value`; it ends there. */
  fault: string | null = null;
  readonly #listener: StringListener | null;
  #kind = NONE;
  #depth = 0;
  #inString = false;
  /** Where the string at hand begins. */
  #start = 0;
  /** The byte before was a backslash that counts. */
  #escaped = false;
  #number = NUMBER_BEGINS;
  #word = "";
  #letters = 0;

  constructor(listener: StringListener | null = null) {
    this.#listener = listener;
  }

  /** Another value comes. */
  begin(): void {
    this.over = false;
    this.fault = null;
    this.#kind = NONE;
  }

  /** Takes `bytes[from .. to)`. @returns where the value has ended, or has its fault; else `to` */
  take(bytes: Uint8Array, from: number, to: number): number {
    let at = from;
    if (this.#kind === NONE) {
      while (at < to && isSpace(bytes[at])) at++;
      if (at === to) return at;
      this.#kind = this.#kindOf(bytes[at]);
      this.#start = at;
      if (bytes[at] === QUOTE) at++;
    }
    switch (this.#kind) {
      case STRING:
        return this.#pastString(bytes, at, to);
      case NESTED:
        return this.#pastNested(bytes, at, to);
      case NUMBER:
        return this.#pastNumber(bytes, at, to);
      case WORD:
        return this.#pastWord(bytes, at, to);
      default:
        this.fault = "expected a value";
        return at;
    }
  }

  /** Nothing more comes: a number by itself is over then. @returns whether the value is whole */
  end(): boolean {
    if (this.#kind === NUMBER && endsNumber(this.#number)) this.over = true;
    return this.over;
  }

  #kindOf(first: number): number {
    this.#escaped = false;
    if (first === QUOTE) return STRING;
    if (first === OPEN_BRACE || first === OPEN_BRACKET) {
      this.#depth = 0;
      this.#inString = false;
      return NESTED;
    }
    if (nextOfNumber(NUMBER_BEGINS, first) !== 0) {
      this.#number = NUMBER_BEGINS;
      return NUMBER;
    }
    const word = WORDS.get(first);
    if (word === undefined) return NONE;
    this.#word = word;
    this.#letters = 0;
    return WORD;
  }

  #pastString(bytes: Uint8Array, from: number, to: number): number {
    const end = this.#endOfString(bytes, this.#resumed(from), to);
    if (end < 0) return to;
    this.over = true;
    if (end - this.#start >= LONG_STRING) this.#listener?.longString(this.#start, end);
    return end;
  }

  #pastNested(bytes: Uint8Array, from: number, to: number): number {
    let at = from;
    let depth = this.#depth;
    if (this.#inString) {
      const end = this.#endOfString(bytes, this.#resumed(from), to);
      if (end < 0) return to;
      this.#inString = false;
      if (end - this.#start >= LONG_STRING) this.#listener?.longString(this.#start, end);
      at = end;
    }
    for (; at < to; at++) {
      const byte = bytes[at];
      if (byte < LEAST_LETTER && byte !== QUOTE) continue;
      const role = ROLE[byte];
      if (role === QUOTING) {
        const end = this.#endOfString(bytes, at + 1, to);
        if (end < 0) {
          this.#start = at;
          this.#inString = true;
          break;
        }
        if (end - at >= LONG_STRING) this.#listener?.longString(at, end);
        at = end - 1;
      } else if (role === OPENING) depth++;
      else if (role === CLOSING) {
        if (--depth > 0) continue;
        this.over = true;
        return at + 1;
      } else if (role === FOREIGN) {
        this.fault = "expected a value";
        return at;
      }
    }
    this.#depth = depth;
    return to;
  }

  /** Where a string goes on: after the byte that a backslash before stands for. */
  #resumed(from: number): number {
    const at = this.#escaped ? from + 1 : from;
    this.#escaped = false;
    return at;
  }

  /** @returns the place after the quote that ends the string at hand; −1 where it is still to come */
  #endOfString(bytes: Uint8Array, from: number, to: number): number {
    const near = from + SHORT_STRING < to ? from + SHORT_STRING : to;
    let at = from;
    while (at < near) {
      const byte = bytes[at];
      if (byte === QUOTE) return at + 1;
      if (byte === BACKSLASH) break;
      at++;
    }
    return this.#farEnd(bytes, at, to);
  }

  /** The same for a string that is long, or has a backslash near. */
  #farEnd(bytes: Uint8Array, from: number, to: number): number {
    let at = from;
    for (;;) {
      const near = Math.min(at + SHORT_STRING, to);
      while (at < near) {
        const byte = bytes[at++];
        if (byte === QUOTE) return at;
        if (byte === BACKSLASH) at++;
      }
      if (at >= to) {
        this.#escaped = at > to;
        return -1;
      }
      const quote = bytes.indexOf(QUOTE, at);
      const end = quote < 0 || quote >= to ? to : quote;
      let backslashes = 0;
      while (end - backslashes > at && bytes[end - backslashes - 1] === BACKSLASH) backslashes++;
      const escaped = backslashes % 2 === 1;
      if (end === to) {
        this.#escaped = escaped;
        return -1;
      }
      if (!escaped) return end + 1;
      at = end + 1;
    }
  }

  #pastNumber(bytes: Uint8Array, from: number, to: number): number {
    let at = from;
    let state = this.#number;
    for (; at < to; at++) {
      const next = nextOfNumber(state, bytes[at]);
      if (next === 0) break;
      state = next;
    }
    this.#number = state;
    if (at === to) return at;
    if (endsNumber(state)) this.over = true;
    else this.fault = "expected a value";
    return at;
  }

  #pastWord(bytes: Uint8Array, from: number, to: number): number {
    const word = this.#word;
    let at = from;
    for (; at < to && this.#letters < word.length; at++) {
      if (bytes[at] === word.charCodeAt(this.#letters++)) continue;
      this.fault = "expected a value";
      return at;
    }
    this.over = this.#letters === word.length;
    return at;
  }
}

/** White space as JSON has it. */
export function isSpace(byte: number): boolean {
  return byte <= 0x20 && (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09);
}
