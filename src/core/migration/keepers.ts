/**
 * Which experts of one layer each rank keeps when it has room for fewer than it holds: so that as many experts as can be
 * are kept somewhere, and every rank is as full as it can be.
 * @param held `[ranks][slots]`: expert of each slot, −1 for none
 * @param room `[ranks]`: experts that each can keep
 * @param load `[experts]`: what there is to choose by among replicas
 */
export function keepersOf(
  held: readonly (readonly number[])[],
  room: ArrayLike<number>,
  load: Float64Array,
): Set<number>[] {
  const distinct = held.map((experts) => new Set(experts.filter((expert) => expert >= 0)));
  if (distinct.every((experts, rank) => experts.size <= room[rank])) return distinct;
  const kept = new OneHomeEach(distinct, room).kept;
  const heaviest = (a: number, b: number) => load[b] - load[a] || a - b;
  for (const [rank, experts] of distinct.entries()) {
    const others = [...experts.difference(kept[rank])].toSorted(heaviest);
    for (const expert of others.slice(0, room[rank] - kept[rank].size)) kept[rank].add(expert);
  }
  return kept;
}

/** As many experts as can be, each on one rank that holds it (maximum matching, by augmenting paths). */
class OneHomeEach {
  /** `[ranks]`: experts at home there. */
  readonly kept: Set<number>[];
  readonly #room: ArrayLike<number>;
  readonly #ranksOf = new Map<number, number[]>();

  constructor(held: readonly ReadonlySet<number>[], room: ArrayLike<number>) {
    this.kept = held.map(() => new Set());
    this.#room = room;
    for (const [rank, experts] of held.entries()) {
      for (const expert of experts) {
        const ranks = this.#ranksOf.get(expert);
        if (ranks === undefined) this.#ranksOf.set(expert, [rank]);
        else ranks.push(rank);
      }
    }
    for (const expert of this.#ranksOf.keys()) this.#settle(expert, new Set());
  }

  /** Finds a home for the expert, others moving to other ranks of theirs where that makes room. */
  #settle(expert: number, asked: Set<number>): boolean {
    for (const rank of this.#ranksOf.get(expert) ?? []) {
      if (asked.has(rank)) continue;
      asked.add(rank);
      const settled = this.kept[rank];
      if (settled.size < this.#room[rank]) {
        settled.add(expert);
        return true;
      }
      for (const other of settled) {
        if (!this.#settle(other, asked)) continue;
        settled.delete(other);
        settled.add(expert);
        return true;
      }
    }
    return false;
  }
}
