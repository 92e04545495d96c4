import { RecentMap } from "../lib/recent-map.ts";
import type { ScheduledRequest, Sender, Sending } from "./load.ts";

/** Conversations that are followed at one time; one that goes on after so many others waits for nothing. */
const MOST_SESSIONS = 1 << 16;

interface Session {
  readonly turn: number;
  /** When the last answer to a turn before this one ended, ms after the replay began. */
  readonly before: Promise<number>;
  /** The same, of this turn's answers. */
  readonly ended: Promise<number>;
}

/** Sends the turns of a conversation after each other: each once the answer before it has ended, and its think time. */
export class TurnOrder {
  readonly #sender: Sender;
  readonly #sessions = new RecentMap<string, Session>(MOST_SESSIONS);
  readonly #waiting = new Set<Promise<Sending>>();

  constructor(sender: Sender) {
    this.#sender = sender;
  }

  /** @returns null for a turn that may have to wait for an answer */
  at(scheduled: ScheduledRequest): Sending | null {
    const { session, turn = 1 } = scheduled.request;
    if (session === undefined) return this.#sender.at(scheduled);
    const known = this.#sessions.get(session);
    if (known === undefined) {
      const sending = this.#sender.at(scheduled);
      this.#sessions.set(session, { turn, before: Promise.resolve(0), ended: this.#endOf(sending) });
      return sending;
    }
    const follows = turn > known.turn;
    const before = follows ? known.ended : known.before;
    const sending = before.then((endedMs) => this.#after(scheduled, endedMs));
    this.#waiting.add(sending);
    void sending.then(() => this.#waiting.delete(sending));
    const ended = sending.then((one) => this.#endOf(one));
    const both = Promise.all([known.ended, ended]).then(([a, b]) => Math.max(a, b));
    this.#sessions.set(session, { turn: Math.max(turn, known.turn), before, ended: follows ? ended : both });
    return null;
  }

  /** Resolves once every turn has been given. */
  async allGiven(): Promise<void> {
    while (this.#waiting.size > 0) await Promise.all(this.#waiting);
  }

  #after(scheduled: ScheduledRequest, endedMs: number): Sending {
    const startMs = Math.max(scheduled.startMs, endedMs + (scheduled.thinkMs ?? 0));
    return this.#sender.at({ ...scheduled, startMs });
  }

  async #endOf({ ended }: Sending): Promise<number> {
    const record = await ended;
    return record === null ? 0 : this.#sender.now();
  }
}
