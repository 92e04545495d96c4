import { afterEach, expect, test } from "vitest";
import type { SimulatedPoolParts } from "../../src/engines/simulated/simulated-pool.ts";
import { respond } from "../engine-response.ts";
import { chat, firstSnapshot, servingPool } from "../small-simulated-pool.ts";

const never = new AbortController().signal;

const pools: SimulatedPoolParts[] = [];
afterEach(() => Promise.all(pools.splice(0).map(({ engine }) => engine.close())));

function opened(): SimulatedPoolParts {
  const parts = servingPool();
  pools.push(parts);
  return parts;
}

test("observes what was forwarded since the last time", async () => {
  const { engine, plane } = opened();
  await respond(engine, engine.shards[2], chat({ max_tokens: 4 }));
  // 5 words; the prompt's pass makes the first of the 4 tokens.
  expect(await plane.observe()).toMatchObject({ tokens: 5 + 4 - 1, steps: 4 });
  expect(await plane.observe()).toMatchObject({ tokens: 0, steps: 0 });
});

test("prepares a placement, unless it is aborted", async () => {
  const { plane } = opened();
  const { placement } = firstSnapshot;
  await plane.prepare(placement, 2, never);
  await expect(plane.prepare(placement, 2, AbortSignal.abort(new Error("late")))).rejects.toThrow("late");
  const everythingElsewhere = {
    ...placement,
    physicalToLogical: (placement.physicalToLogical as Int32Array).toReversed(),
  };
  const abort = new AbortController();
  const preparing = plane.prepare(everythingElsewhere, 2, abort.signal);
  abort.abort(new Error("stop"));
  await expect(preparing).rejects.toThrow("stop");
});

test("compares the policies on what was forwarded", async () => {
  const { engine, compare } = opened();
  await respond(engine, engine.shards[0], chat({ max_tokens: 20 }));
  const { recordedShare, asRun } = await compare({ sharesMs: 10, placementMs: 100 }, () => {});
  expect(recordedShare).toBe(1);
  expect(asRun).toMatchObject({ steps: 20, tokens: 24 });
  expect(asRun.policies.map(({ name }) => name)).toEqual(["none", "eplb", "plimsoll"]);
});
