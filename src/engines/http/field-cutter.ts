const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const LINE_FEED = 0x0a;
const SPACE = 0x20;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** What `keyAt` says where there is none, and where the bytes end too soon to tell. */
const NO_KEY = -1;
const UNDECIDED = -2;

/** Hears a value's JSON, or the beginning of one that is longer than is kept or breaks off. */
export type OnField = (name: string, value: Buffer, whole: boolean) => void;

type Stage = "outside" | "value" | "string" | "nested" | "literal" | "after";

/**
 * Cuts fields of certain names out of JSON as it passes, wherever they stand, with the comma they leave over. All other
 * bytes go through as they came: nothing is parsed, a name is searched for by the platform. That finds fields and
 * nothing else, since inside a string of JSON a quote has a backslash before it, and right after a string no letter can
 * follow.
 */
export class FieldCutter {
  /** What all names have in them. */
  readonly #stem: Buffer;
  /** Each in its quotes. */
  readonly #names: readonly Buffer[];
  /** How far before the stem a name's first quote stands. */
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
  #value: Buffer[] = [];
  #valueBytes = 0;
  #valueOver = false;
  #depth = 0;
  #inString = false;
  #escaped = false;

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

  /** @returns what goes on, in parts; the chunk is the cutter's from now on */
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

  /** @returns what was held, once nothing more comes */
  end(): Buffer | null {
    const held = this.#held;
    this.#held = null;
    if (this.#stage !== "outside" && this.#stage !== "after") this.#finish(this.#stage === "literal");
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
      if (value === NO_KEY) {
        search = found + this.#stem.length;
        continue;
      }
      const start = beforeSpace(bytes, quote, from);
      this.#commaCut = start > from && bytes[start - 1] === COMMA;
      const cut = this.#commaCut ? start - 1 : quote;
      if (cut > from) outside.push(bytes.subarray(from, cut));
      if (value === UNDECIDED) {
        this.#hold(bytes, cut);
        return bytes.length;
      }
      this.#stage = "value";
      return value;
    }
  }

  /** All is passed on but what may begin a field. */
  #holdTail(bytes: Buffer, from: number, outside: Buffer[]): number {
    let held = bytes.length;
    const quote = bytes.lastIndexOf(QUOTE);
    if (quote >= from && this.#keyAt(bytes, quote) === UNDECIDED) held = quote;
    const start = beforeSpace(bytes, held, from);
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
    if (this.#stage === "value") {
      at = afterSpace(bytes, from);
      if (at === bytes.length) return at;
      const first = bytes[at];
      if (first === QUOTE) {
        this.#stage = "string";
        this.#keep(bytes, at, at + 1);
        at++;
      } else this.#stage = first === OPEN_BRACE || first === OPEN_BRACKET ? "nested" : "literal";
    }
    let end = bytes.length;
    if (this.#stage === "string") end = this.#endOfString(bytes, at);
    else if (this.#stage === "nested") end = this.#endOfNested(bytes, at);
    else for (end = at; end < bytes.length && !endsLiteral(bytes[end]); end++);
    if (this.#stage === "literal") this.#valueOver = end < bytes.length;
    this.#keep(bytes, at, end);
    if (this.#valueOver) this.#finish(true);
    return end;
  }

  /** A line end cannot be in a string: there the value broke off, and what follows is not its. */
  #endOfString(bytes: Buffer, from: number): number {
    for (let at = from; ; ) {
      const quote = bytes.indexOf(QUOTE, at);
      const end = quote < 0 ? bytes.length : quote;
      const line = bytes.subarray(from, end).indexOf(LINE_FEED);
      if (line >= 0) {
        this.#valueOver = true;
        return from + line;
      }
      let backslashes = 0;
      while (end - backslashes > from && bytes[end - backslashes - 1] === BACKSLASH) backslashes++;
      const carried = end - backslashes === from && this.#escaped ? 1 : 0;
      const escaped = (backslashes + carried) % 2 === 1;
      if (quote < 0) {
        this.#escaped = escaped;
        return end;
      }
      if (!escaped) {
        this.#valueOver = true;
        return quote + 1;
      }
      at = quote + 1;
    }
  }

  #endOfNested(bytes: Buffer, from: number): number {
    for (let at = from; at < bytes.length; at++) {
      const byte = bytes[at];
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (byte === BACKSLASH) this.#escaped = true;
        else if (byte === QUOTE) this.#inString = false;
      } else if (byte === QUOTE) this.#inString = true;
      else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) this.#depth++;
      else if ((byte === CLOSE_BRACE || byte === CLOSE_BRACKET) && --this.#depth === 0) {
        this.#valueOver = true;
        return at + 1;
      }
    }
    return bytes.length;
  }

  #keep(bytes: Buffer, from: number, to: number): void {
    const room = this.#keepBytes - this.#valueBytes;
    this.#valueBytes += to - from;
    if (room > 0 && to > from) this.#value.push(bytes.subarray(from, Math.min(to, from + room)));
  }

  #finish(ended: boolean): void {
    const value = Buffer.concat(this.#value);
    const whole = ended && value.length === this.#valueBytes;
    this.#value = [];
    this.#valueBytes = 0;
    this.#valueOver = false;
    this.#depth = 0;
    this.#inString = false;
    this.#escaped = false;
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
    if (at === bytes.length) {
      this.#hold(bytes, from);
      return at;
    }
    this.#stage = "outside";
    return bytes[at] === COMMA ? at + 1 : from;
  }
}

function isSpace(byte: number): boolean {
  return byte === SPACE || byte === LINE_FEED || byte === 0x0d || byte === 0x09;
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

function endsLiteral(byte: number): boolean {
  return byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET || isSpace(byte);
}
