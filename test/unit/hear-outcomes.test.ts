import { expect, test } from "vitest";
import type { ServingPool } from "../../src/serving/serving-pool.ts";
import { hearOutcomes } from "../../src/workers/hear-outcomes.ts";

test("outcomes of a shard that a pool has no more, and of pools that are gone, are passed over", () => {
  const heard: number[] = [];
  const engine = { pool: "chat", shards: [{}, {}] };
  const pool = { engine, health: { heard: ({ shard }: { shard: number }) => heard.push(shard) } };
  const outcome = (shard: number) => ({ shard, failure: null, firstByteMs: 1 });
  hearOutcomes(
    [pool as unknown as ServingPool],
    [
      ["chat", outcome(2)],
      ["gone", outcome(0)],
      ["chat", outcome(1)],
    ],
  );
  expect(heard).toEqual([1]);
});
