export interface NameCount {
  readonly name: string;
  readonly requests: number;
}

export interface NameFigures {
  /** The most frequent ones. */
  readonly most: readonly NameCount[];
  /** Requests of others. */
  readonly others: number;
  readonly names: number;
}

/** Names that are counted one by one. */
const MOST_NAMES = 4096;
const SHOWN = 10;

/** How often each name of a few is there; where there are very many, the first of them. */
export class NameCounts {
  readonly #counts = new Map<string, number>();
  #all = 0;
  #uncounted = 0;

  add(name: string | undefined): void {
    if (name === undefined) return;
    this.#all++;
    const count = this.#counts.get(name);
    if (count === undefined && this.#counts.size >= MOST_NAMES) this.#uncounted++;
    else this.#counts.set(name, (count ?? 0) + 1);
  }

  /** Null where there are none. */
  figures(): NameFigures | null {
    if (this.#all === 0) return null;
    const sorted = [...this.#counts].toSorted(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
    const most = sorted.slice(0, SHOWN).map(([name, requests]) => ({ name, requests }));
    const shown = most.reduce((sum, { requests }) => sum + requests, 0);
    return { most, others: this.#all - shown, names: this.#counts.size + (this.#uncounted > 0 ? 1 : 0) };
  }
}
