import type { KvRoom } from "../../core/cost/kv-room.ts";

/** Bytes of a sequence in the cache, and of a token more in the layers that keep all. */
export type CacheSizes = Pick<KvRoom, "bytesOf" | "growingBytes">;

/** Tokens in a rank's cache that nobody uses. */
export interface IdlePiece {
  /** Tokens of the sequence in front of it, without which it is of no use. */
  readonly from: number;
  /** Tokens behind those that are there, in whole pages; what is evicted goes from their end. */
  kept: number;
  /** Its neighbours in the line. */
  older: IdlePiece | null;
  newer: IdlePiece | null;
}

/** What nobody uses, in the order of last use: when room is needed, pages of what was used longest ago go first. */
export class IdleLine {
  bytes = 0;
  readonly #room: CacheSizes;
  readonly #pageTokens: number;
  readonly #gone: (piece: IdlePiece) => void;
  #oldest: IdlePiece | null = null;
  #newest: IdlePiece | null = null;

  /** @param gone is called with pieces of which nothing is left */
  constructor(room: CacheSizes, pageTokens: number, gone: (piece: IdlePiece) => void) {
    this.#room = room;
    this.#pageTokens = pageTokens;
    this.#gone = gone;
  }

  /** It was used until now. */
  add(piece: IdlePiece): void {
    piece.older = this.#newest;
    if (this.#newest === null) this.#oldest = piece;
    else this.#newest.newer = piece;
    this.#newest = piece;
    this.bytes += this.#bytesOf(piece);
  }

  /** It is used again, or is not there any more. */
  take(piece: IdlePiece): void {
    if (piece.older === null) this.#oldest = piece.newer;
    else piece.older.newer = piece.newer;
    if (piece.newer === null) this.#newest = piece.older;
    else piece.newer.older = piece.older;
    piece.older = piece.newer = null;
    this.bytes -= this.#bytesOf(piece);
  }

  /** Drops pages until what is left takes no more than so many bytes. */
  evict(most: number): void {
    const pageBytes = this.#room.growingBytes * this.#pageTokens;
    while (this.bytes > most && this.#oldest !== null) {
      const piece = this.#oldest;
      const before = this.#bytesOf(piece);
      const pages = Math.ceil((this.bytes - most) / pageBytes);
      const kept = piece.kept - pages * this.#pageTokens;
      if (kept > 0) {
        piece.kept = kept;
        this.bytes += this.#bytesOf(piece) - before;
      } else {
        this.take(piece);
        piece.kept = 0;
        this.#gone(piece);
      }
    }
  }

  /** Windows and states come with it, so that a sequence can go on from its end. */
  #bytesOf({ from, kept }: IdlePiece): number {
    return this.#room.bytesOf(from + kept) - this.#room.growingBytes * from;
  }
}
