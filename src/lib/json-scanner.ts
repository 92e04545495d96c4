import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  isSpace,
} from "./json-bytes.ts";

/** Longer strings are searched by the platform, which looks at many bytes at once. */
const SHORT_STRING = 24;
/** Strings, with their quotes, that a listener hears of. */
const LONG_STRING = 64;
/** As deep as Python's own reader of JSON goes; no request needs a tenth of it. */
const MOST_DEPTH = 1000;

/** Hears what stands where; places are as in the bytes given to `take`. */
export interface JsonListener {
  /** The name of a field of the outermost object, in its quotes. */
  key(start: number, end: number): void;
  /** The value of the field named last. */
  value(start: number, end: number): void;
  /** A string that is a value at any depth, in its quotes, of 64 bytes and more; the name that came last. */
  longString(start: number, end: number, keyStart: number, keyEnd: number): void;
}

const DEAF: JsonListener = { key() {}, value() {}, longString() {} };

/** What is at hand, or comes next. */
const VALUE = 0;
const VALUE_OR_END = 1;
const KEY = 2;
const KEY_OR_END = 3;
const IN_KEY = 4;
const AFTER_KEY = 5;
const IN_STRING = 6;
const IN_NUMBER = 7;
const IN_WORD = 8;
const AFTER_VALUE = 9;

const ARRAY = 0;
const OBJECT = 1;

/** What a byte is to a number: the column in the table below; 7 for what is in none. */
const COLUMN = new Uint8Array(256).fill(7);
for (const [column, bytes] of ["0", "123456789", ".", "eE", "-", "+"].entries())
  for (const byte of bytes) COLUMN[byte.charCodeAt(0)] = column;
/** Where each byte leads from each state of a number; 0 for nowhere. */
const NUMBER = Uint8Array.of(
  ...[0, 0, 0, 0, 0, 0, 0, 0],
  ...[3, 4, 0, 0, 2, 0, 0, 0], // its beginning
  ...[3, 4, 0, 0, 0, 0, 0, 0], // a minus
  ...[0, 0, 5, 7, 0, 0, 0, 0], // a zero first
  ...[4, 4, 5, 7, 0, 0, 0, 0], // another digit first
  ...[6, 6, 0, 0, 0, 0, 0, 0], // the point
  ...[6, 6, 0, 7, 0, 0, 0, 0], // digits after it
  ...[9, 9, 0, 0, 8, 8, 0, 0], // the e
  ...[9, 9, 0, 0, 0, 0, 0, 0], // its sign
  ...[9, 9, 0, 0, 0, 0, 0, 0], // its digits
);
const NUMBER_BEGINS = 1;
const NUMBER_ENDS = Uint8Array.of(0, 0, 0, 1, 1, 0, 1, 0, 0, 1);

const WORDS: Readonly<Record<number, Uint8Array>> = {
  0x74: Uint8Array.of(0x74, 0x72, 0x75, 0x65),
  0x66: Uint8Array.of(0x66, 0x61, 0x6c, 0x73, 0x65),
  0x6e: Uint8Array.of(0x6e, 0x75, 0x6c, 0x6c),
};

/**
 * Goes over one value of JSON as its bytes come, cut anywhere, and holds none of them. It is held to JSON's grammar, but
 * for what is inside strings: of that only where it ends. Time is in proportion to the bytes, whatever they are.
 */
export class JsonScanner {
  /** The value has ended. */
  over = false;
  /** What is wrong with it, as in `expected a comma`; it ends there. */
  fault: string | null = null;
  readonly #listener: JsonListener;
  #state = VALUE;
  #depth = 0;
  /** `[depth]`: what is open. */
  readonly #kinds: number[] = [ARRAY];
  /** Where the string at hand begins; the value at depth 1; the name that came last. */
  #start = 0;
  #valueStart = 0;
  #keyStart = 0;
  #keyEnd = 0;
  /** The byte before was a backslash that counts. */
  #escaped = false;
  #number = 0;
  #word: Uint8Array = WORDS[0x74];
  #letters = 0;

  constructor(listener: JsonListener = DEAF) {
    this.#listener = listener;
  }

  /** Takes `bytes[from .. to)`. @returns where the value has ended, or has its fault; else `to` */
  take(bytes: Uint8Array, from: number, to: number): number {
    let at = from;
    while (at < to && !this.over && this.fault === null) {
      switch (this.#state) {
        case IN_STRING:
        case IN_KEY:
          at = this.#pastString(bytes, at, to);
          continue;
        case IN_NUMBER:
          at = this.#pastNumber(bytes, at, to);
          continue;
        case IN_WORD:
          at = this.#pastWord(bytes, at, to);
          continue;
        default:
      }
      const byte = bytes[at];
      if (isSpace(byte)) at++;
      else at = this.#token(byte, at);
    }
    return at;
  }

  /** Nothing more comes: a number by itself is over then. @returns whether the value is whole */
  end(): boolean {
    if (this.#state === IN_NUMBER && this.#depth === 0 && NUMBER_ENDS[this.#number] === 1) this.over = true;
    return this.over;
  }

  /** @returns where to go on */
  #token(byte: number, at: number): number {
    switch (this.#state) {
      case VALUE_OR_END:
        if (byte === CLOSE_BRACKET) return this.#close(at);
        return this.#begin(byte, at);
      case VALUE:
        return this.#begin(byte, at);
      case KEY_OR_END:
        if (byte === CLOSE_BRACE) return this.#close(at);
        return this.#beginKey(byte, at);
      case KEY:
        return this.#beginKey(byte, at);
      case AFTER_KEY:
        if (byte !== COLON) return this.#fail("expected a colon", at);
        this.#state = VALUE;
        return at + 1;
      default: {
        const inObject = this.#kinds[this.#depth] === OBJECT;
        if (byte === COMMA) {
          this.#state = inObject ? KEY : VALUE;
          return at + 1;
        }
        if (byte === (inObject ? CLOSE_BRACE : CLOSE_BRACKET)) return this.#close(at);
        return this.#fail("expected a comma", at);
      }
    }
  }

  #begin(byte: number, at: number): number {
    if (this.#depth === 1) this.#valueStart = at;
    if (byte === QUOTE) {
      this.#start = at;
      this.#state = IN_STRING;
      return at + 1;
    }
    if (byte === OPEN_BRACE) return this.#open(OBJECT, KEY_OR_END, at);
    if (byte === OPEN_BRACKET) return this.#open(ARRAY, VALUE_OR_END, at);
    if (NUMBER[NUMBER_BEGINS * 8 + COLUMN[byte]] !== 0) {
      this.#number = NUMBER_BEGINS;
      this.#state = IN_NUMBER;
      return at;
    }
    const word = WORDS[byte];
    if (word === undefined) return this.#fail("expected a value", at);
    this.#word = word;
    this.#letters = 0;
    this.#state = IN_WORD;
    return at;
  }

  #beginKey(byte: number, at: number): number {
    if (byte !== QUOTE) return this.#fail("expected a field's name", at);
    this.#start = at;
    this.#state = IN_KEY;
    return at + 1;
  }

  #open(kind: number, next: number, at: number): number {
    if (this.#depth === MOST_DEPTH) return this.#fail("it is nested too deep", at);
    this.#kinds[++this.#depth] = kind;
    this.#state = next;
    return at + 1;
  }

  #close(at: number): number {
    this.#depth--;
    return this.#ended(at + 1);
  }

  /** A value ends before `at`. */
  #ended(at: number): number {
    if (this.#depth === 1) this.#listener.value(this.#valueStart, at);
    else if (this.#depth === 0) this.over = true;
    this.#state = AFTER_VALUE;
    return at;
  }

  #pastString(bytes: Uint8Array, from: number, to: number): number {
    const end = this.#endOfString(bytes, from, to);
    if (end < 0) return to;
    if (this.#state === IN_STRING) {
      if (end - this.#start >= LONG_STRING)
        this.#listener.longString(this.#start, end, this.#keyStart, this.#keyEnd);
      return this.#ended(end);
    }
    this.#keyStart = this.#start;
    this.#keyEnd = end;
    if (this.#depth === 1) this.#listener.key(this.#start, end);
    this.#state = AFTER_KEY;
    return end;
  }

  /** @returns the place after the quote that ends the string at hand; −1 where it is still to come */
  #endOfString(bytes: Uint8Array, from: number, to: number): number {
    let at = this.#escaped ? from + 1 : from;
    this.#escaped = false;
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
      const next = NUMBER[state * 8 + COLUMN[bytes[at]]];
      if (next === 0) break;
      state = next;
    }
    this.#number = state;
    if (at === to) return at;
    return NUMBER_ENDS[state] === 1 ? this.#ended(at) : this.#fail("expected a value", at);
  }

  #pastWord(bytes: Uint8Array, from: number, to: number): number {
    const word = this.#word;
    let at = from;
    for (; at < to && this.#letters < word.length; at++) {
      if (bytes[at] !== word[this.#letters++]) return this.#fail("expected a value", at);
    }
    return this.#letters === word.length ? this.#ended(at) : at;
  }

  #fail(what: string, at: number): number {
    this.fault = what;
    return at;
  }
}
