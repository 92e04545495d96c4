import type { LoadMessage } from "../messages/pool-message.ts";

type Sign = LoadMessage["reported"][number];

/** Ranks that have reported, in the order their incarnations came; of each, the longest window. */
export class RankSigns {
  readonly #signs = new Map<string, Sign>();

  add({ rank, incarnation, windowMs, counted }: Sign): void {
    const key = `${rank}:${incarnation}`;
    const longest = Math.max(windowMs, this.#signs.get(key)?.windowMs ?? 0);
    this.#signs.set(key, { rank, windowMs: longest, incarnation, counted });
  }

  /** Takes all of these behind its own. */
  addAll(others: RankSigns): void {
    for (const sign of others.list) this.add(sign);
  }

  get list(): readonly Sign[] {
    return [...this.#signs.values()];
  }
}
