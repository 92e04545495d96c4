import { expect, test } from "vitest";
import type { ServingPool } from "../../src/serving/serving-pool.ts";
import { receiveOutcomes } from "../../src/workers/receive-outcomes.ts";

test("outcomes go where the shard is here; those of a shard that a pool has no more, and of pools that are gone, are ignored", () => {
  const received: number[] = [];
  const engine = { pool: "chat" };
  const pool = {
    engine,
    placeOf: (instance: string) => ["b", "a"].indexOf(instance),
    health: { received: ({ shard }: { shard: number }) => received.push(shard) },
  };
  const outcome = (shard: number) => ({ shard, failure: null, firstByteMs: 1 });
  receiveOutcomes(
    [pool as unknown as ServingPool],
    [
      ["chat", "c", outcome(2)],
      ["gone", "a", outcome(0)],
      ["chat", "a", outcome(0)],
    ],
  );
  expect(received).toEqual([1]);
});
