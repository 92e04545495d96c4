/** Reads a byte sequence from its beginning on, little-endian unless it says otherwise. */
export class ByteCursor {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #pastEnd: () => Error;
  #at = 0;

  /** @param pastEnd what to throw when the bytes end before what is asked for */
  constructor(bytes: Uint8Array, pastEnd: () => Error) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#pastEnd = pastEnd;
  }

  /** Bytes read so far. */
  get at(): number {
    return this.#at;
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  uint8(): number {
    return this.#bytes[this.#skip(1)];
  }

  uint16(): number {
    return this.#view.getUint16(this.#skip(2), true);
  }

  uint32(): number {
    return this.#view.getUint32(this.#skip(4), true);
  }

  int32(): number {
    return this.#view.getInt32(this.#skip(4), true);
  }

  float64BigEndian(): number {
    return this.#view.getFloat64(this.#skip(8), false);
  }

  bytes(count: number): Uint8Array {
    const from = this.#skip(count);
    return this.#bytes.subarray(from, from + count);
  }

  /** The bytes before the next line feed, which is skipped. */
  line(): Uint8Array {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    if (end < 0) throw this.#pastEnd();
    const line = this.bytes(end - this.#at);
    this.#skip(1);
    return line;
  }

  /** Moves past so many bytes and returns where they begin. */
  #skip(count: number): number {
    const from = this.#at;
    if (from + count > this.#bytes.length) throw this.#pastEnd();
    this.#at = from + count;
    return from;
  }
}
