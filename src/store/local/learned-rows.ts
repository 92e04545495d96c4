import { LEARNED_KEPT } from "../../control/store.ts";

/** A key, on how much it rests, and what was learned. */
export type LearnedRow = readonly [key: string, evidence: number, learned: Uint8Array];

/** What was learned under each key; the keys offered last are kept. */
export class LearnedRows {
  /** The one offered the longest ago first. */
  readonly #rows = new Map<string, LearnedRow>();

  constructor(rows: readonly LearnedRow[]) {
    for (const row of rows) this.#rows.set(row[0], row);
  }

  /** @returns what another has learned from more; null when the row is kept */
  offer(row: LearnedRow): Uint8Array | null {
    const [key, evidence] = row;
    const kept = this.#rows.get(key);
    const better = kept !== undefined && kept[1] > evidence;
    this.#rows.delete(key);
    this.#rows.set(key, better ? kept : row);
    if (this.#rows.size > LEARNED_KEPT) this.#rows.delete(this.#rows.keys().next().value as string);
    return better ? kept[2] : null;
  }

  get(key: string): Uint8Array | null {
    return this.#rows.get(key)?.[2] ?? null;
  }

  rows(): LearnedRow[] {
    return [...this.#rows.values()];
  }
}
