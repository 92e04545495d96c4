import type { Picker } from "../plug-in.ts";

/**
 * Each in turn, whatever it costs. A turn of a shard of weight w takes 1/w rounds, so that it gets w of the others'
 * part (stride scheduling); a shard that was not eligible for a while has no turns saved up.
 */
export function roundRobin(shards: number): Picker {
  /** `[shards]`, in rounds. */
  const lastTurn = new Float64Array(shards).fill(Number.NEGATIVE_INFINITY);
  let now = 0;
  let last = shards - 1;
  return (_cost, eligible, { weight }) => {
    let next = -1;
    let soonest = Number.POSITIVE_INFINITY;
    for (let i = 1; i <= shards; i++) {
      const shard = (last + i) % shards;
      if (eligible[shard] === 0) continue;
      const due = Math.max(now, lastTurn[shard] + 1 / weight[shard]);
      if (due >= soonest) continue;
      soonest = due;
      next = shard;
    }
    now = soonest;
    lastTurn[next] = now;
    last = next;
    return next;
  };
}
