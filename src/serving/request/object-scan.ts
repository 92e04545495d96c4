import { isUtf8 } from "node:buffer";
import { JsonScanner, type StringListener, isSpace } from "../../lib/json-scanner.ts";
import { InvalidRequest } from "../refusals.ts";

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

const NO_BODY = Buffer.alloc(0);

/** What of the object is at hand, or comes next. */
const OBJECT = 0;
const FIRST_KEY = 1;
const KEY = 2;
const IN_KEY = 3;
const AFTER_KEY = 4;
const BEFORE_VALUE = 5;
const IN_VALUE = 6;
const AFTER_VALUE = 7;
const OVER = 8;
/** What is expected where a body ends too soon. */
const LACKS: ReadonlyMap<number, string> = new Map([
  [FIRST_KEY, "a field's name"],
  [KEY, "a field's name"],
  [AFTER_KEY, "a colon"],
  [BEFORE_VALUE, "a value"],
  [AFTER_VALUE, "a comma"],
]);

/**
 * Goes over the fields of a JSON object while it arrives. What they hold is passed over unread; of that the engine is the
 * judge.
 */
export abstract class ObjectScan implements StringListener {
  /** What has come so far. */
  protected body: Buffer = NO_BODY;
  readonly #scanner = new JsonScanner(this);
  /** Read so far; and found to be UTF-8 so far. */
  #at = 0;
  #utf8 = 0;
  #stage = OBJECT;
  #keyStart = 0;
  #valueStart = 0;

  /** A field's name, in its quotes. */
  protected abstract named(start: number, end: number): void;
  /** The value of the field named last. */
  protected abstract valued(start: number, end: number): void;
  /** A string of 64 bytes and more that is the value, or stands in the value, of the field named last. */
  protected abstract holdsString(start: number, end: number): void;

  /** @param body all that has come: what was there before, and more. @throws InvalidRequest */
  read(body: Buffer): void {
    this.body = body;
    const whole = body.length - brokenOffBytes(body);
    if (whole > this.#utf8) {
      if (!isUtf8(this.#utf8 === 0 && whole === body.length ? body : body.subarray(this.#utf8, whole)))
        throw notUtf8();
      this.#utf8 = whole;
    }
    while (this.#at < body.length) {
      if (this.#stage === IN_KEY) this.#inKey(body);
      else if (this.#stage === IN_VALUE) this.#inValue(body);
      else this.#between(body);
    }
  }

  /** The body is all there. @throws InvalidRequest */
  protected finish(): void {
    const { length } = this.body;
    if (this.#utf8 < length) throw notUtf8();
    if (this.#stage === OBJECT) throw notAnObject();
    if (this.#stage === OVER) return;
    const lacks = LACKS.get(this.#stage);
    throw malformed(lacks === undefined ? "it ends too soon" : `expected ${lacks} at byte ${length}`);
  }

  /** The text of a JSON string with its quotes. @throws InvalidRequest */
  protected unquoted(start: number, end: number): string {
    const text = this.body.toString("utf8", start + 1, end - 1);
    if (!text.includes("\\")) return text;
    try {
      return JSON.parse(`"${text}"`) as string;
    } catch {
      throw malformed(`the string at byte ${start} has an unknown escape`);
    }
  }

  /** @internal */
  longString(start: number, end: number): void {
    if (this.#stage === IN_VALUE) this.holdsString(start, end);
  }

  #between(body: Buffer): void {
    let at = this.#at;
    while (at < body.length && isSpace(body[at])) at++;
    this.#at = at;
    if (at === body.length) return;
    this.#stage = this.#token(body[at]);
    if (this.#stage !== IN_KEY && this.#stage !== IN_VALUE) this.#at++;
  }

  /** @returns the stage that begins with that byte, or after it */
  #token(byte: number): number {
    switch (this.#stage) {
      case OBJECT:
        if (byte !== OPEN_BRACE) throw notAnObject();
        return FIRST_KEY;
      case FIRST_KEY:
      case KEY:
        if (byte === CLOSE_BRACE && this.#stage === FIRST_KEY) return OVER;
        if (byte !== QUOTE) throw malformed(`expected a field's name at byte ${this.#at}`);
        this.#keyStart = this.#at;
        this.#scanner.begin();
        return IN_KEY;
      case AFTER_KEY:
        if (byte !== COLON) throw malformed(`expected a colon at byte ${this.#at}`);
        return BEFORE_VALUE;
      case BEFORE_VALUE:
        this.#valueStart = this.#at;
        this.#scanner.begin();
        return IN_VALUE;
      case AFTER_VALUE:
        if (byte === CLOSE_BRACE) return OVER;
        if (byte !== COMMA) throw malformed(`expected a comma at byte ${this.#at}`);
        return KEY;
      default:
        throw malformed(`something follows the object at byte ${this.#at}`);
    }
  }

  #inKey(body: Buffer): void {
    this.#at = this.#scanner.take(body, this.#at, body.length);
    if (!this.#scanner.over) return;
    this.#stage = AFTER_KEY;
    this.named(this.#keyStart, this.#at);
  }

  #inValue(body: Buffer): void {
    const scanner = this.#scanner;
    this.#at = scanner.take(body, this.#at, body.length);
    if (scanner.fault !== null) throw malformed(`${scanner.fault} at byte ${this.#at}`);
    if (!scanner.over) return;
    this.#stage = AFTER_VALUE;
    this.valued(this.#valueStart, this.#at);
  }
}

/** Bytes at the end that begin a character and do not end it. */
function brokenOffBytes(body: Buffer): number {
  for (let back = 1; back <= 3 && back <= body.length; back++) {
    const byte = body[body.length - back];
    if (byte < 0x80) return 0;
    if (byte < 0xc0) continue;
    const bytes = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    return back < bytes ? back : 0;
  }
  return 0;
}

function malformed(what: string): InvalidRequest {
  return new InvalidRequest(`The body is not valid JSON: ${what}.`, null);
}

function notUtf8(): InvalidRequest {
  return new InvalidRequest("The body is not valid UTF-8.", null);
}

function notAnObject(): InvalidRequest {
  return new InvalidRequest("The body must be a JSON object.", null);
}
