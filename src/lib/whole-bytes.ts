import { demand } from "./shape.ts";

const BITS = 7;
const MORE = 2 ** BITS;
/** Of the largest whole number that is exact. */
const MOST_BYTES = 8;

/** Whole numbers as bytes, small ones in few: seven bits each, the lowest first, with the eighth set where more follow. */
export class WholeWriter {
  #bytes = new Uint8Array(1024);
  #length = 0;

  /** @param value a whole number from 0 on; what is above 2^53 − 1 becomes that */
  write(value: number): void {
    if (this.#length + MOST_BYTES > this.#bytes.length) {
      const longer = new Uint8Array(2 * this.#bytes.length);
      longer.set(this.#bytes);
      this.#bytes = longer;
    }
    let rest = Math.min(value, Number.MAX_SAFE_INTEGER);
    for (; rest >= MORE; rest = Math.floor(rest / MORE)) this.#bytes[this.#length++] = MORE | (rest % MORE);
    this.#bytes[this.#length++] = rest;
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}

/** Reads what a `WholeWriter` wrote, number by number. */
export class WholeReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** @throws Unreadable at the end, and for what is no whole number that is exact */
  read(): number {
    let value = 0;
    for (let i = 0, unit = 1; ; i++, unit *= MORE) {
      demand(this.#at < this.#bytes.length, "it is cut short");
      const byte = this.#bytes[this.#at++];
      value += (byte % MORE) * unit;
      if (byte < MORE) break;
      demand(i < MOST_BYTES - 1, "a number is too large");
    }
    demand(Number.isSafeInteger(value), "a number is too large");
    return value;
  }

  /** @throws Unreadable where something is left */
  end(): void {
    demand(this.#at === this.#bytes.length, "it is too long");
  }
}
