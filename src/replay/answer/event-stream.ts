const LF = 10;
const CR = 13;
const BOM = "\uFEFF";
/** Longer lines are no events of a model's. */
const LONGEST_LINE = 16 << 20;

/** Receives an event's type ("" where it has none) and its data. */
export type OnEvent = (type: string, data: string) => void;

/**
 * Server-sent events out of bytes, however these are cut: lines end with LF, CR LF or CR; comments, ids and retry times
 * are passed over; several `data` lines are joined by LF.
 */
export class EventStream {
  readonly #onEvent: OnEvent;
  /** Bytes of a line that has not ended. */
  #rest: Buffer[] = [];
  #restBytes = 0;
  #begun = false;
  #type = "";
  #data: string | null = null;

  constructor(onEvent: OnEvent) {
    this.#onEvent = onEvent;
  }

  push(chunk: Buffer): void {
    const end = lastLineEnd(chunk);
    // A CR at the end of the bytes so far may be half of CR LF.
    if (end < 0) {
      const waits = this.#restBytes > 0 && this.#rest.at(-1)?.at(-1) === CR;
      if (!waits || chunk.length === 0) return this.#keep(chunk);
      const lines = this.#take(Buffer.alloc(0));
      this.#keep(chunk);
      return this.#lines(lines);
    }
    const whole = chunk.subarray(0, end + 1);
    const text = this.#restBytes === 0 ? whole.toString() : this.#take(whole);
    if (end + 1 < chunk.length) this.#keep(chunk.subarray(end + 1));
    this.#lines(text);
  }

  /** The bytes have ended. What was not ended by an empty line counts as an event all the same. */
  end(): void {
    if (this.#restBytes > 0) this.#lines(`${this.#take(Buffer.alloc(0))}\n`);
    this.#line("");
  }

  #keep(bytes: Buffer): void {
    this.#restBytes += bytes.length;
    if (this.#restBytes > LONGEST_LINE) throw new EndlessLine();
    // What undici hands out is its parser's memory only until the call returns.
    if (bytes.length > 0) this.#rest.push(Buffer.from(bytes));
  }

  /** What was kept and `more`, as text. */
  #take(more: Buffer): string {
    const text = Buffer.concat([...this.#rest, more]).toString();
    this.#rest = [];
    this.#restBytes = 0;
    return text;
  }

  /** @param text of whole lines */
  #lines(text: string): void {
    let from = 0;
    if (!this.#begun) {
      this.#begun = true;
      if (text.startsWith(BOM)) from = 1;
    }
    const lines = text.includes("\r") ? text.replaceAll(/\r\n?/g, "\n") : text;
    for (let to = lines.indexOf("\n", from); to >= 0; from = to + 1, to = lines.indexOf("\n", from))
      this.#line(lines.slice(from, to));
  }

  #line(line: string): void {
    if (line === "") {
      const [type, data] = [this.#type, this.#data];
      this.#type = "";
      this.#data = null;
      if (data !== null) this.#onEvent(type, data);
    } else if (line.startsWith("data:")) {
      const value = line.startsWith(" ", 5) ? line.slice(6) : line.slice(5);
      this.#data = this.#data === null ? value : `${this.#data}\n${value}`;
    } else if (line === "data") {
      this.#data = this.#data === null ? "" : `${this.#data}\n`;
    } else if (line.startsWith("event:")) {
      this.#type = line.slice(6).trim();
    }
  }
}

/** A line without an end. */
export class EndlessLine extends Error {
  override readonly name = "EndlessLine";
  readonly code = "LINE_TOO_LONG";
}

/** Where the last line that has surely ended ends; −1 for nowhere. */
function lastLineEnd(chunk: Buffer): number {
  const lf = chunk.lastIndexOf(LF);
  const cr = chunk.lastIndexOf(CR, -2);
  return Math.max(lf, cr);
}
