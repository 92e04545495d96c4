import { Refused } from "../serving/refusals.ts";

/** A client refused for want of memory may try again after so long. */
const RETRY_AFTER_SECONDS = 1;

/**
 * One budget for the bodies of all requests, in bytes that have come, not announced ones.
 *
 * A body is held from its first byte until `release`: it *arrives*, then is *whole*. What is held never exceeds the
 * budget. When a piece has no room, the largest of those that arrive makes room, be it the one the piece belongs to; so
 * no number of slow uploads keeps out a request that is smaller than they are. Whole bodies stay: they wait for a place
 * or are on their way, and admission bounds them.
 */
export class BodyMemory {
  readonly #limitBytes: number;
  readonly #setting: string | null;
  readonly #arriving = new Set<HeldBody>();
  #heldBytes = 0;

  /** @param setting that gives the budget, for messages; null where none does */
  constructor(limitBytes: number, setting: string | null = null) {
    this.#limitBytes = limitBytes;
    this.#setting = setting;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** A body begins to arrive. @param refused called at most once, when it has to make room; nothing is held of it then */
  begin(refused: (error: Refused) => void): HeldBody {
    return new HeldBody(this, refused);
  }

  /** @internal @returns false when the body itself had to make room */
  take(body: HeldBody, bytes: number): boolean {
    while (this.#heldBytes + bytes > this.#limitBytes) {
      const largest = this.#largest(body, bytes);
      largest.refuse();
      if (largest === body) return false;
    }
    this.#heldBytes += bytes;
    return true;
  }

  /** @internal */
  refusal(): Refused {
    const setting = this.#setting === null ? "" : ` (\`${this.#setting}\`)`;
    return new Refused("overloaded", `${MESSAGE}${setting}.`, RETRY_AFTER_SECONDS);
  }

  /** @internal Something of it is there, and more comes. */
  arrives(body: HeldBody): void {
    this.#arriving.add(body);
  }

  /** @internal It arrives no more. */
  settle(body: HeldBody): void {
    this.#arriving.delete(body);
  }

  /** @internal Nothing of it is held any more. */
  give(body: HeldBody): void {
    this.#heldBytes -= body.bytes;
    body.bytes = 0;
  }

  #largest(newcomer: HeldBody, more: number): HeldBody {
    let largest = newcomer;
    let most = newcomer.bytes + more;
    for (const body of this.#arriving) {
      if (body === newcomer || body.bytes <= most) continue;
      largest = body;
      most = body.bytes;
    }
    return largest;
  }
}

/** What is held of one request's body. */
export class HeldBody {
  /** @internal */
  bytes = 0;
  readonly #memory: BodyMemory;
  #refused: ((error: Refused) => void) | null;
  /** Some of it is there, not all: the memory knows it. Most bodies come in one piece, and never are. */
  #arrives = false;

  constructor(memory: BodyMemory, refused: (error: Refused) => void) {
    this.#memory = memory;
    this.#refused = refused;
  }

  /** More of it has come. @param last nothing follows. @returns false when there is no room: it was refused */
  grow(bytes: number, last = false): boolean {
    if (this.#refused === null || !this.#memory.take(this, bytes)) return false;
    this.bytes += bytes;
    if (!last && !this.#arrives) {
      this.#arrives = true;
      this.#memory.arrives(this);
    }
    return true;
  }

  /** All of it is there: it makes room for no other. */
  whole(): void {
    if (this.#arrives) this.#memory.settle(this);
    this.#arrives = false;
  }

  /** Nobody needs it any more. Harmless when repeated. */
  release(): void {
    this.whole();
    this.#refused = null;
    this.#memory.give(this);
  }

  /** @internal */
  refuse(): void {
    const refused = this.#refused;
    this.release();
    refused?.(this.#memory.refusal());
  }
}

const MESSAGE = "The gateway is overloaded: it has no memory left for the request's body";
