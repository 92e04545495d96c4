import type { Counted } from "../messages/received-counts.ts";

/** A rank that has not reported for so many windows has no vote. */
const VOTE_WINDOWS = 60;

/**
 * The one kind of counts that a pool's load is made of. Either kind, of all ranks, sums to the load; a mixture would
 * count some tokens twice and others never. So in every window the kind counts that more ranks report; where neither
 * does, the one that counted before, which is `source` at first. While ranks are replaced by others that count
 * otherwise, the pool changes over when half of them are. What the minority counts is not used, and it is named.
 */
export class CountedKind {
  readonly #votes = new Map<number, { readonly counted: Counted; window: number }>();
  #current: Counted = "source";
  #window = 0;

  /** The latest report of a rank is its vote. */
  vote(rank: number, counted: Counted): void {
    this.#votes.set(rank, { counted, window: this.#window });
  }

  /** A window is over. @returns the kind that counts in it */
  decide(): Counted {
    this.#window++;
    for (const [rank, { window }] of this.#votes)
      if (this.#window - window > VOTE_WINDOWS) this.#votes.delete(rank);
    const received = this.#ranksOf("received").length;
    const source = this.#votes.size - received;
    if (received !== source) this.#current = received > source ? "received" : "source";
    return this.#current;
  }

  /** Whether any rank has a vote. */
  get voted(): boolean {
    return this.#votes.size > 0;
  }

  /** Ranks whose counts are not used, ascending. */
  get minority(): readonly number[] {
    return this.#ranksOf(this.#current === "source" ? "received" : "source").toSorted((a, b) => a - b);
  }

  #ranksOf(kind: Counted): number[] {
    return [...this.#votes].filter(([, { counted }]) => counted === kind).map(([rank]) => rank);
  }
}
