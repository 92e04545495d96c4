/** Digits of a chunk's size that are read here: 256 MiB. */
const MOST_DIGITS = 7;

const CARRIAGE_RETURN = 13;
const LINE_FEED = 10;

/** Who gets the data of a body's chunks, in order, to keep; a chunk's may come in pieces. */
export interface ChunkReader {
  chunk(data: Buffer): void;
  /** A chunk is followed by what is no line end: nothing after it can be read. */
  malformed(): void;
}

/** Where a body stands between two reads: see `ChunkedBody`. */
type Stage = "size" | "data" | "return" | "feed";

/**
 * Takes the chunks of a body with chunked transfer coding (RFC 9112, 7.1) off what is read, as long as each is written
 * the plain way: a size of 1 to 7 hexadecimal digits, a line end, the data, a line end. The first that is not (the last
 * chunk of all, or one with an extension) is left to the parser that has read the response headers, with all that
 * follows: since whole chunks are taken, it finds itself where it was, right before a chunk.
 */
export class ChunkedBody {
  readonly #reader: ChunkReader;
  #stage: Stage = "size";
  /** Of the chunk's data, what has not come. */
  #missing = 0;
  /** A size whose line did not end with what was read. */
  #begun: Buffer | null = null;
  /** What is left to the parser: null while nothing is. */
  left: Buffer | null = null;

  constructor(reader: ChunkReader) {
    this.#reader = reader;
  }

  /**
   * Nothing is to be given any more once something is left.
   * @param read what has come, in its first `length` bytes
   * @param lent whether it holds something else after the call: what is kept of it is copied
   */
  take(read: Buffer, length: number, lent: boolean): void {
    if (this.#begun !== null) {
      const whole = Buffer.concat([this.#begun, read.subarray(0, length)]);
      this.#begun = null;
      return this.take(whole, whole.length, false);
    }
    let at = 0;
    while (at < length) {
      if (this.#stage === "size") {
        const end = this.#readSize(read, at, length);
        if (end === 0) {
          if (this.left !== null && lent) this.left = Buffer.from(this.left);
          return;
        }
        at = end;
      } else if (this.#stage === "data") {
        const to = Math.min(length, at + this.#missing);
        this.#missing -= to - at;
        if (this.#missing === 0) this.#stage = "return";
        this.#reader.chunk(lent ? copyOf(read, at, to) : read.subarray(at, to));
        at = to;
      } else {
        const byte = read[at++];
        if (byte !== (this.#stage === "return" ? CARRIAGE_RETURN : LINE_FEED)) {
          this.left = NOTHING;
          return this.#reader.malformed();
        }
        this.#stage = this.#stage === "return" ? "feed" : "size";
      }
    }
  }

  /** @returns where the data begins; 0 where it is not known, or the chunk is left to the parser */
  #readSize(bytes: Buffer, from: number, length: number): number {
    const end = Math.min(length, from + MOST_DIGITS);
    let size = 0;
    let at = from;
    for (; at < end; at++) {
      const digit = hexDigit(bytes[at]);
      if (digit < 0) break;
      size = 16 * size + digit;
    }
    const whole = at + 1 < length;
    if (whole && size > 0 && bytes[at] === CARRIAGE_RETURN && bytes[at + 1] === LINE_FEED) {
      this.#missing = size;
      this.#stage = "data";
      return at + 2;
    }
    const mayGoOn = at === length || (at + 1 === length && bytes[at] === CARRIAGE_RETURN);
    if (mayGoOn && at > from && (size > 0 || at === length))
      this.#begun = Buffer.from(bytes.subarray(from, length));
    else this.left = bytes.subarray(from, length);
    return 0;
  }
}

function copyOf(bytes: Buffer, from: number, to: number): Buffer {
  const copy = Buffer.allocUnsafe(to - from);
  bytes.copy(copy, 0, from, to);
  return copy;
}

const NOTHING = Buffer.alloc(0);

/** −1 for what is none. */
function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
