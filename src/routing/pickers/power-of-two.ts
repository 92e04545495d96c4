import type { Picker } from "../plug-in.ts";

/** Two different shards at random, and of those the cheaper (Mitzenmacher, 2001). */
export const powerOfTwo: Picker = (cost, open, _shards, rng) => {
  let count = 0;
  for (let shard = 0; shard < open.length; shard++) count += open[shard];
  const first = rng.below(count);
  if (count === 1) return nthOpen(open, first);
  const other = rng.below(count - 1);
  const a = nthOpen(open, first);
  const b = nthOpen(open, other < first ? other : other + 1);
  return cost[b] < cost[a] ? b : a;
};

function nthOpen(open: Uint8Array, n: number): number {
  let shard = open.indexOf(1);
  for (let i = 0; i < n; i++) shard = open.indexOf(1, shard + 1);
  return shard;
}
