import type { Picker } from "../plug-in.ts";

/** Two different shards at random, and of those the cheaper (Mitzenmacher, 2001). */
export const powerOfTwo: Picker = (cost, eligible, _shards, rng) => {
  let count = 0;
  for (let shard = 0; shard < eligible.length; shard++) count += eligible[shard];
  const first = rng.below(count);
  if (count === 1) return nthEligible(eligible, first);
  const other = rng.below(count - 1);
  const a = nthEligible(eligible, first);
  const b = nthEligible(eligible, other < first ? other : other + 1);
  return cost[b] < cost[a] ? b : a;
};

function nthEligible(eligible: Uint8Array, n: number): number {
  let shard = eligible.indexOf(1);
  for (let i = 0; i < n; i++) shard = eligible.indexOf(1, shard + 1);
  return shard;
}
