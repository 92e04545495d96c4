/** What requests in flight would hold more, by experts, than they do: tokens, as `heldBy` has them, by model and pool. */
export type Moved = ReadonlyMap<string, ReadonlyMap<string, number>>;

export function sumMoved(all: Iterable<Moved>): Moved {
  const sum = new Map<string, Map<string, number>>();
  for (const moved of all) {
    for (const [model, pools] of moved) {
      const so = sum.get(model) ?? new Map<string, number>();
      sum.set(model, so);
      for (const [pool, tokens] of pools) so.set(pool, (so.get(pool) ?? 0) + tokens);
    }
  }
  return sum;
}
