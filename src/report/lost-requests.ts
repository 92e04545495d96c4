import type { RequestOutcome, RequestRecord } from "../twin/run/run-log.ts";

/** Requests that got no answer, for one reason. */
export interface LostRequests {
  readonly outcome: RequestOutcome;
  /** The first one's; those of the others may have other figures in it. */
  readonly reason: string;
  readonly requests: number;
}

/** More kinds than a person reads; the rest counts as one. */
const MOST_KINDS = 30;

/** Counts what was refused or failed by its reason; reasons that differ in figures only are one. */
export class LostCounter {
  readonly #kinds = new Map<string, { outcome: RequestOutcome; reason: string; requests: number }>();

  add({ outcome, reason }: RequestRecord): void {
    const told = reason ?? "no reason given";
    const key = `${outcome} ${told.replaceAll(/\d[\d.,]*/g, "#")}`;
    const kind = this.#kinds.get(key);
    if (kind !== undefined) kind.requests++;
    else if (this.#kinds.size < MOST_KINDS) this.#kinds.set(key, { outcome, reason: told, requests: 1 });
    else this.#another(outcome);
  }

  /** The most frequent first. */
  get kinds(): readonly LostRequests[] {
    return [...this.#kinds.values()].toSorted((a, b) => b.requests - a.requests);
  }

  #another(outcome: RequestOutcome): void {
    const rest = this.#kinds.get(outcome) ?? { outcome, reason: "other reasons", requests: 0 };
    this.#kinds.set(outcome, { ...rest, requests: rest.requests + 1 });
  }
}
