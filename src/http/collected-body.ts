import { GrowingBytes } from "../lib/growing-bytes.ts";
import type { BodyMemory, HeldBody } from "./body-memory.ts";
import { HttpError } from "./errors.ts";
import type { Reading, ReadingTurns } from "./reading-turns.ts";

/** Looks into a body while it comes; what it throws refuses the request. */
export interface BodyReader {
  /** @param body all that has come */
  read(body: Buffer): void;
}

export interface BodyTerms {
  /** Of one body. */
  readonly limitBytes: number;
  /** Of all. */
  readonly memory: BodyMemory;
  readonly turns: ReadingTurns;
  /** Null to take it as it is. */
  readonly reader: BodyReader | null;
}

/**
 * A request's body while it comes. One that is over a limit is refused as soon as it is known to be; one that its reader
 * refuses is no longer kept, and refused at its end.
 */
export class CollectedBody {
  readonly held: HeldBody;
  readonly #terms: BodyTerms;
  readonly #announced: number;
  readonly #source: Reading;
  readonly #refused: (error: unknown) => void;
  readonly #bytes = new GrowingBytes();
  #length = 0;
  #fault: unknown = null;

  /**
   * @param announced its length; 0 where it is not known
   * @param source is paused while other bodies have their turns
   * @param refused called at most once, and nothing after it; nothing is held then
   */
  constructor(terms: BodyTerms, announced: number, source: Reading, refused: (error: unknown) => void) {
    this.#terms = terms;
    this.#announced = announced;
    this.#source = source;
    this.#refused = refused;
    this.held = terms.memory.begin((error) => this.#refuse(error));
  }

  /** Why a body of that length is not taken; null where it is. */
  static excess(announced: number, limitBytes: number): HttpError | null {
    if (!(announced > limitBytes)) return null;
    return new HttpError("body_too_large", `The body is larger than ${limitBytes} bytes, the limit.`);
  }

  /** @param chunk is kept */
  take(chunk: Buffer): void {
    const { limitBytes, turns, reader } = this.#terms;
    this.#length += chunk.length;
    const excess = CollectedBody.excess(this.#length, limitBytes);
    if (excess !== null) return this.#refuse(excess);
    const isLast = this.#length === this.#announced;
    if (this.#fault !== null || !this.held.grow(chunk.length, isLast)) return;
    this.#bytes.add(chunk);
    try {
      reader?.read(bufferOf(this.#bytes));
      if (!isLast) turns.took(this.#source, chunk.length);
    } catch (error) {
      this.#fault = error;
      this.#bytes.free();
      this.held.release();
    }
  }

  /** All of it has come: it is held until `release`. @returns null where it was refused */
  end(): Buffer | null {
    if (this.#fault !== null) {
      this.#refuse(this.#fault);
      return null;
    }
    this.held.whole();
    const bytes = bufferOf(this.#bytes);
    this.#bytes.clear();
    return bytes;
  }

  #refuse(error: unknown): void {
    this.#bytes.free();
    this.held.release();
    this.#refused(error);
  }
}

function bufferOf({ bytes }: GrowingBytes): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
