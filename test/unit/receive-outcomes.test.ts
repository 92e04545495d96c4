import { expect, test } from "vitest";
import type { ServingPool } from "../../src/serving/serving-pool.ts";
import { receiveOutcomes } from "../../src/workers/receive-outcomes.ts";

test("outcomes of a shard that a pool has no more, and of pools that are gone, are ignored", () => {
  const received: number[] = [];
  const engine = { pool: "chat", shards: [{}, {}] };
  const pool = { engine, health: { received: ({ shard }: { shard: number }) => received.push(shard) } };
  const outcome = (shard: number) => ({ shard, failure: null, firstByteMs: 1 });
  receiveOutcomes(
    [pool as unknown as ServingPool],
    [
      ["chat", outcome(2)],
      ["gone", outcome(0)],
      ["chat", outcome(1)],
    ],
  );
  expect(received).toEqual([1]);
});
