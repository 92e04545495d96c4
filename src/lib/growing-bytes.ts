const LEAST_BYTES = 1024;

/**
 * Bytes that come in pieces, kept in one piece: however many they are, they take at most twice their length, and each is
 * moved less than three times. A first piece that stays the only one is not copied.
 */
export class GrowingBytes {
  #bytes: Uint8Array | null = null;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** @param piece is the keeper's from now on */
  add(piece: Uint8Array): void {
    const length = this.#length + piece.length;
    if (this.#bytes === null) {
      this.#bytes = piece;
    } else {
      if (length > this.#bytes.length) {
        const larger = new Uint8Array(Math.max(LEAST_BYTES, 2 * this.#bytes.length, length));
        larger.set(this.#bytes.subarray(0, this.#length));
        this.#bytes = larger;
      }
      this.#bytes.set(piece, this.#length);
    }
    this.#length = length;
  }

  /** What has come so far; what comes later may be written behind it. */
  get bytes(): Uint8Array {
    return this.#bytes === null ? NOTHING : this.#bytes.subarray(0, this.#length);
  }

  /** Nothing is kept any more. */
  clear(): void {
    this.#bytes = null;
    this.#length = 0;
  }
}

const NOTHING = new Uint8Array(0);
