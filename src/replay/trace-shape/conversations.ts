import { RecentMap } from "../../lib/recent-map.ts";
import type { TraceRequest } from "../../model/traffic.ts";
import { type LengthFigures, Lengths } from "./lengths.ts";

export interface ConversationFigures {
  readonly sessions: number;
  readonly turns: Pick<LengthFigures, "mean" | "p50" | "p95" | "max">;
  /** Requests that wait for an answer. */
  readonly waiting: number;
}

/** Conversations that are followed at one time; one that goes on after so many others counts as two. */
const MOST_SESSIONS = 1 << 15;

/** Turns of a trace's conversations. */
export class Conversations {
  readonly #turns = new Lengths();
  readonly #open = new RecentMap<string, number>(
    MOST_SESSIONS,
    () => 1,
    (turns) => this.#close(turns),
  );
  #closed = 0;
  #waiting = 0;

  add({ session, turn = 1 }: TraceRequest): void {
    if (session === undefined) return;
    const before = this.#open.get(session) ?? 0;
    if (before > 0 && turn > 1) this.#waiting++;
    this.#open.set(session, before + 1);
  }

  /** Null where there are none. Ends the count. */
  figures(): ConversationFigures | null {
    for (const turns of this.#open.values()) this.#close(turns);
    if (this.#closed === 0) return null;
    const { mean, p50, p95, max } = this.#turns.figures();
    return { sessions: this.#closed, turns: { mean, p50, p95, max }, waiting: this.#waiting };
  }

  #close(turns: number): void {
    this.#closed++;
    this.#turns.add(turns);
  }
}
