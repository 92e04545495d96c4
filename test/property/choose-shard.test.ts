import fc from "fast-check";
import { expect, test } from "vitest";
import { Rng } from "../../src/lib/rng.ts";
import { leastInFlight } from "../../src/routing/least-in-flight.ts";
import { chooseShard } from "../../src/routing/policy.ts";

const pool = fc
  .array(fc.record({ requests: fc.nat(3), tokens: fc.nat(3), tried: fc.boolean() }), {
    minLength: 1,
    maxLength: 12,
  })
  .map((shards) => ({
    shards: shards.length,
    loads: {
      requests: Int32Array.from(shards, (shard) => shard.requests),
      tokens: Float64Array.from(shards, (shard) => shard.tokens),
    },
    tried: shards.flatMap((shard, i) => (shard.tried ? [i] : [])),
  }));

test("the chosen shard is untried and none that is untried has less in flight", () => {
  fc.assert(
    fc.property(pool, fc.nat(), (choice, seed) => {
      const chosen = chooseShard(leastInFlight, choice, new Rng(seed));
      const { requests, tokens } = choice.loads;
      const untried = [...requests.keys()].filter((shard) => !choice.tried.includes(shard));
      expect(untried.length === 0 ? [-1] : untried).toContain(chosen);
      for (const other of untried) {
        const less =
          requests[other] < requests[chosen] ||
          (requests[other] === requests[chosen] && tokens[other] < tokens[chosen]);
        expect(less).toBe(false);
      }
      expect(chooseShard(leastInFlight, choice, new Rng(seed))).toBe(chosen);
    }),
    { seed: 6 },
  );
});

test("among equals each has the same chance", () => {
  const choice = { shards: 4, loads: { requests: [1, 0, 0, 0], tokens: [0, 0, 0, 0] }, tried: [] };
  const rng = new Rng(1);
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < 3000; i++) counts[chooseShard(leastInFlight, choice, rng)]++;
  expect(counts[0]).toBe(0);
  // Six standard deviations of a binomial with 3000 draws and a chance of 1/3.
  for (const count of counts.slice(1))
    expect(Math.abs(count - 1000)).toBeLessThan(6 * Math.sqrt(3000 * (1 / 3) * (2 / 3)));
});
