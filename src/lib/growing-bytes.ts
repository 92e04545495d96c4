const LEAST_BYTES = 1024;
/** Memory for the bytes that are there, and more: what is moved in all is four times what comes. */
const ROOM = 1.25;

/**
 * Bytes that come in pieces, kept in one piece that has room for a quarter more of them. A first piece that stays the
 * only one is not copied.
 */
export class GrowingBytes {
  #bytes: Uint8Array = NOTHING;
  /** What `#bytes` lie in, where it is its own. */
  #own: ArrayBuffer | null = null;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** @param piece is the keeper's from now on */
  add(piece: Uint8Array): void {
    const length = this.#length + piece.length;
    if (this.#length === 0) {
      this.#bytes = piece;
      this.#own = null;
    } else {
      if (length > this.#bytes.length) this.#enlarge(Math.max(LEAST_BYTES, Math.ceil(length * ROOM)));
      this.#bytes.set(piece, this.#length);
    }
    this.#length = length;
  }

  /** What has come so far: to be used until the next `add`. */
  get bytes(): Uint8Array {
    return this.#bytes.length === this.#length ? this.#bytes : this.#bytes.subarray(0, this.#length);
  }

  /** Nothing is kept any more; who has `bytes` still has them. */
  clear(): void {
    this.#bytes = NOTHING;
    this.#own = null;
    this.#length = 0;
  }

  /** Nothing is kept any more, and nobody has it: the memory is free at once, not when it is next collected. */
  free(): void {
    this.#own?.transfer(0);
    this.clear();
  }

  #enlarge(size: number): void {
    const own = new ArrayBuffer(size);
    const larger = new Uint8Array(own);
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#own?.transfer(0);
    this.#own = own;
    this.#bytes = larger;
  }
}

const NOTHING = new Uint8Array(0);
