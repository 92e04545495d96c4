import { GrowingBytes } from "../../lib/growing-bytes.ts";
import { JsonScanner, isSpace } from "../../lib/json-scanner.ts";

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const LINE_FEED = 0x0a;

/** White space around a name is held back until it is known what follows, up to this; no engine writes as much. */
const MOST_HELD_BYTES = 1024;

/** What `keyAt` returns where there is none, and where the bytes end too soon to know. */
const NO_KEY = -1;
const UNDECIDED = -2;

/** Receives a value's JSON, or the beginning of one that is longer than is kept or breaks off. */
export type OnField = (name: string, value: Buffer, whole: boolean) => void;

type Stage = "outside" | "before value" | "in string" | "in value" | "after";

/**
 * Cuts fields of certain names out of JSON as it passes, wherever they are, with the comma they leave over. All other
 * bytes pass unchanged: nothing is parsed, the platform searches for the names. That finds fields and nothing else,
 * since inside a string of JSON a quote has a backslash before it, and right after a string no letter can follow.
 */
export class FieldCutter {
  /** What all names have in them. */
  readonly #stem: Buffer;
  /** Each in its quotes. */
  readonly #names: readonly Buffer[];
  /** How far before the stem a name's first quote is. */
  readonly #leads: readonly number[];
  readonly #keepBytes: number;
  readonly #onField: OnField;
  #stage: Stage = "outside";
  /** Bytes that may be the beginning of a field, or the comma before it. */
  #held: Buffer | null = null;
  /** The byte before those at hand. */
  #before = 0;
  #name = 0;
  /** The comma before the field in hand was cut with it. */
  #commaCut = false;
  readonly #value = new GrowingBytes();
  #valueBytes = 0;
  readonly #scanner = new JsonScanner();

  /**
   * @param stem what each of `names` contains
   * @param keepBytes of a value at most so much is kept
   */
  constructor(stem: string, names: readonly string[], keepBytes: number, onField: OnField) {
    this.#stem = Buffer.from(stem);
    this.#names = names.map((name) => Buffer.from(`"${name}"`));
    this.#leads = [...new Set(names.map((name) => name.indexOf(stem) + 1))];
    this.#keepBytes = keepBytes;
    this.#onField = onField;
  }

  /** @returns what is passed on, in parts; the chunk is the cutter's from now on */
  take(chunk: Buffer): readonly Buffer[] {
    const bytes = this.#held === null ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = null;
    const outside: Buffer[] = [];
    for (let at = 0; at < bytes.length; ) {
      if (this.#stage === "outside") at = this.#pass(bytes, at, outside);
      else if (this.#stage === "after") at = this.#pastComma(bytes, at);
      else at = this.#inValue(bytes, at);
    }
    if (this.#held === null && bytes.length > 0) this.#before = bytes[bytes.length - 1];
    return outside;
  }

  /** @returns what was held; no more bytes follow */
  end(): Buffer | null {
    const held = this.#held;
    this.#held = null;
    if (this.#stage !== "outside" && this.#stage !== "after") this.#finish(this.#scanner.end());
    return held;
  }

  /** Passes on what precedes the next field. @returns where its value begins, or the end */
  #pass(bytes: Buffer, from: number, outside: Buffer[]): number {
    for (let search = from; ; ) {
      const found = bytes.indexOf(this.#stem, search);
      if (found < 0) return this.#holdTail(bytes, from, outside);
      const lead = this.#leads.find((back) => found - back >= from && bytes[found - back] === QUOTE) ?? 0;
      const quote = found - lead;
      const value = lead === 0 ? NO_KEY : this.#keyAt(bytes, quote);
      if (value === NO_KEY || (value === UNDECIDED && bytes.length - quote > MOST_HELD_BYTES)) {
        search = found + this.#stem.length;
        continue;
      }
      const start = beforeSpace(bytes, quote, Math.max(from, quote - MOST_HELD_BYTES));
      this.#commaCut = start > from && bytes[start - 1] === COMMA;
      const cut = this.#commaCut ? start - 1 : quote;
      if (cut > from) outside.push(bytes.subarray(from, cut));
      if (value === UNDECIDED) {
        this.#hold(bytes, cut);
        return bytes.length;
      }
      this.#stage = "before value";
      this.#scanner.begin();
      return value;
    }
  }

  /** All is passed on but what may begin a field. */
  #holdTail(bytes: Buffer, from: number, outside: Buffer[]): number {
    let held = bytes.length;
    const quote = bytes.lastIndexOf(QUOTE);
    const near = quote >= from && bytes.length - quote <= MOST_HELD_BYTES;
    if (near && this.#keyAt(bytes, quote) === UNDECIDED) held = quote;
    const start = beforeSpace(bytes, held, Math.max(from, held - MOST_HELD_BYTES));
    if (start > from && bytes[start - 1] === COMMA) held = start - 1;
    if (held > from) outside.push(bytes.subarray(from, held));
    if (held < bytes.length) this.#hold(bytes, held);
    return bytes.length;
  }

  #hold(bytes: Buffer, from: number): void {
    if (from > 0) this.#before = bytes[from - 1];
    this.#held = bytes.subarray(from);
  }

  /** @returns where the value begins of a field whose name begins with that quote; NO_KEY, UNDECIDED */
  #keyAt(bytes: Buffer, quote: number): number {
    if ((quote > 0 ? bytes[quote - 1] : this.#before) === BACKSLASH) return NO_KEY;
    for (const [index, name] of this.#names.entries()) {
      const end = Math.min(quote + name.length, bytes.length);
      if (bytes.compare(name, 0, end - quote, quote, end) !== 0) continue;
      if (end - quote < name.length) return UNDECIDED;
      const colon = afterSpace(bytes, end);
      if (colon === bytes.length) return UNDECIDED;
      this.#name = index;
      return bytes[colon] === COLON ? colon + 1 : NO_KEY;
    }
    return NO_KEY;
  }

  #inValue(bytes: Buffer, from: number): number {
    let at = from;
    if (this.#stage === "before value") {
      at = afterSpace(bytes, from);
      if (at === bytes.length) return at;
      this.#stage = bytes[at] === QUOTE ? "in string" : "in value";
    }
    // A string has no line end: there the value broke off, and what follows is not part of it.
    const line = this.#stage === "in string" ? bytes.indexOf(LINE_FEED, at) : -1;
    const stop = line < 0 ? bytes.length : line;
    const scanner = this.#scanner;
    const end = scanner.take(bytes, at, stop);
    this.#keep(bytes, at, end);
    if (scanner.over || scanner.fault !== null || end < bytes.length) this.#finish(scanner.over);
    return end;
  }

  #keep(bytes: Buffer, from: number, to: number): void {
    const space = this.#keepBytes - this.#valueBytes;
    this.#valueBytes += to - from;
    if (space > 0 && to > from) this.#value.add(bytes.subarray(from, Math.min(to, from + space)));
  }

  #finish(ended: boolean): void {
    const { bytes } = this.#value;
    const value = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const whole = ended && value.length === this.#valueBytes;
    this.#value.clear();
    this.#valueBytes = 0;
    this.#stage = this.#commaCut ? "outside" : "after";
    this.#onField(
      this.#names[this.#name].toString("latin1", 1, this.#names[this.#name].length - 1),
      value,
      whole,
    );
  }

  /** The first of an object's fields takes the comma after it along. */
  #pastComma(bytes: Buffer, from: number): number {
    const at = afterSpace(bytes, from);
    if (at === bytes.length && at - from <= MOST_HELD_BYTES) {
      this.#hold(bytes, from);
      return at;
    }
    this.#stage = "outside";
    return bytes[at] === COMMA ? at + 1 : from;
  }
}

function afterSpace(bytes: Buffer, from: number): number {
  let at = from;
  while (at < bytes.length && isSpace(bytes[at])) at++;
  return at;
}

function beforeSpace(bytes: Buffer, to: number, from: number): number {
  let at = to;
  while (at > from && isSpace(bytes[at - 1])) at--;
  return at;
}
