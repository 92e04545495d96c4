import { RecentMap } from "../../lib/recent-map.ts";
import type { TraceRequest } from "../../model/traffic.ts";
import type { NumberedRequest } from "./request-source.ts";

/** Turns that wait for answers, at most; then nothing more is read before one of them may go. */
const MOST_WAITING = 1 << 14;

/** Conversations that a turn may belong to; one that goes on after so many others waits for nothing. */
const MOST_REMEMBERED = 1 << 16;

/** A request that may go at this time, milliseconds of the replay's clock. */
export interface DueRequest extends NumberedRequest {
  readonly dueMs: number;
}

interface Conversation {
  /** The turn that is under way, and how many of that number are. */
  turn: number;
  open: number;
  readonly waiting: NumberedRequest[];
}

/** Gives requests in their order, but for turns whose conversation waits for an answer, or thinks: others go first. */
export class TurnQueue {
  readonly #next: () => Promise<NumberedRequest | null>;
  readonly #conversations = new Map<string, Conversation>();
  /** When the last answer of those came that have no turn now. */
  readonly #over = new RecentMap<string, number>(MOST_REMEMBERED);
  /** Turns whose answer has come, by the time at which they have thought. */
  readonly #due: DueRequest[] = [];
  #waiting = 0;
  #read = false;
  #closed = false;
  #changed = Promise.withResolvers<void>();

  constructor(next: () => Promise<NumberedRequest | null>) {
    this.#next = next;
  }

  /** Waits where there is nothing but turns that wait for answers. @returns null when there is no more */
  async take(now: () => number, signal: AbortSignal): Promise<DueRequest | null> {
    while (!this.#closed && !signal.aborted) {
      const free = await this.#readFree(now);
      if (free !== null) return { ...free, dueMs: 0 };
      if (this.#due.length > 0) return this.#due.shift() ?? null;
      if (this.#waiting === 0 && this.#read) return null;
      await this.#changed.promise;
    }
    return null;
  }

  /** A request that was taken is over. */
  ended({ session }: TraceRequest, nowMs: number): void {
    const conversation = session === undefined ? undefined : this.#conversations.get(session);
    if (session === undefined || conversation === undefined) return;
    conversation.open--;
    if (conversation.open > 0) return;
    const [first] = conversation.waiting;
    if (first === undefined) {
      this.#conversations.delete(session);
      this.#over.set(session, nowMs);
    } else {
      conversation.turn = turnOf(first);
      const after = conversation.waiting.findIndex((turn) => turnOf(turn) !== conversation.turn);
      const released = conversation.waiting.splice(0, after < 0 ? conversation.waiting.length : after);
      this.#waiting -= released.length;
      for (const turn of released) this.#release(conversation, turn, nowMs);
    }
    this.#wake();
  }

  /** Nothing is given any more. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  /** Reads the next that waits for nothing, unless a turn is due. */
  async #readFree(now: () => number): Promise<NumberedRequest | null> {
    const isDue = (): boolean => this.#due.length > 0 && this.#due[0].dueMs <= now();
    while (!this.#read && !isDue() && this.#waiting + this.#due.length < MOST_WAITING) {
      const next = await this.#next();
      if (next === null) {
        this.#read = true;
        this.#wake();
      } else if (this.#mayGo(next)) return next;
    }
    return null;
  }

  #mayGo(numbered: NumberedRequest): boolean {
    const { session } = numbered.request;
    if (session === undefined) return true;
    const conversation = this.#conversations.get(session);
    if (conversation === undefined) {
      const begun = { turn: turnOf(numbered), open: 0, waiting: [] };
      this.#conversations.set(session, begun);
      const overMs = this.#over.get(session);
      if (overMs !== undefined) return this.#release(begun, numbered, overMs);
      begun.open++;
      return true;
    }
    if (conversation.waiting.length === 0 && turnOf(numbered) === conversation.turn) {
      conversation.open++;
      return true;
    }
    conversation.waiting.push(numbered);
    this.#waiting++;
    return false;
  }

  /** A turn has its answer, and now thinks. @returns false: it may not go yet */
  #release(conversation: Conversation, turn: NumberedRequest, answeredMs: number): false {
    conversation.open++;
    const dueMs = answeredMs + (turn.request.thinkMs ?? 0);
    const after = this.#due.findIndex((due) => due.dueMs > dueMs);
    this.#due.splice(after < 0 ? this.#due.length : after, 0, { ...turn, dueMs });
    return false;
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

function turnOf({ request: { turn = 1 } }: NumberedRequest): number {
  return turn;
}
