import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LeaseLost, type PoolStore, StaleEpoch, type Store } from "../../src/control/store.ts";
import { LocalStore } from "../../src/store/local/local-store.ts";
import { type RedisServer, startRedis } from "../../harness/fakes/redis-server.ts";
import { openRedisStore } from "../../harness/open-redis-store.ts";
import { runs } from "../runs.ts";

const LONG_MS = 60_000;

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server[Symbol.asyncDispose]());

/** A store's tokens by the order in which it gave them: their numbers are its own affair. */
class Tokens {
  readonly #given: number[] = [];

  /** @returns its place, from 1 */
  add(token: number | null): number | null {
    if (token === null) return null;
    if (!this.#given.includes(token)) this.#given.push(token);
    expect(this.#given.toSorted((a, b) => a - b)).toEqual(this.#given);
    return this.#given.indexOf(token) + 1;
  }

  at(place: number): number {
    return this.#given[place - 1] ?? 0;
  }
}

type Step = (pool: PoolStore, tokens: Tokens, store: Store) => Promise<unknown>;

const bytes = fc.uint8Array({ maxLength: 6 });
const holder = fc.constantFrom("a", "b");
const token = fc.nat(3);
const epoch = fc.integer({ min: 1, max: 9 });
const name = fc.constantFrom("k", "l", "m");

const step: fc.Arbitrary<Step> = fc.oneof(
  holder.map(
    (by): Step =>
      async (pool, tokens) =>
        tokens.add(await pool.lease(by, LONG_MS)),
  ),
  token.map(
    (place): Step =>
      (pool, tokens) =>
        pool.release(tokens.at(place)),
  ),
  fc.tuple(epoch, bytes, token).map(
    ([number, snapshot, place]): Step =>
      (pool, tokens) =>
        pool.publish(number, snapshot, tokens.at(place)),
  ),
  fc.tuple(epoch, bytes).map(
    ([number, snapshot]): Step =>
      (pool) =>
        pool.restore(number, snapshot),
  ),
  fc.tuple(fc.constantFrom("leader", "rollout"), fc.option(bytes), token).map(
    ([value, content, place]): Step =>
      (pool, tokens) =>
        pool.put(value, content, tokens.at(place)),
  ),
  fc.constant<Step>(async (pool) => {
    const { values, ...rest } = await pool.read();
    return { ...rest, values: [...values].toSorted(([a], [b]) => (a < b ? -1 : 1)) };
  }),
  epoch.map(
    (number): Step =>
      (pool) =>
        pool.at(number),
  ),
  fc.array(name).map(
    (names): Step =>
      (pool) =>
        pool.claim(names, LONG_MS),
  ),
  fc.tuple(bytes, fc.option(name)).map(
    ([message, entry]): Step =>
      (pool) =>
        pool.send(message, entry),
  ),
  fc.nat(3).map(
    (count): Step =>
      async (pool) =>
        (await pool.audit(count)).map(({ entry }) => entry),
  ),
  fc.tuple(name, fc.nat(3), bytes).map(
    ([key, evidence, learned]): Step =>
      (pool) =>
        pool.offer(key, evidence, learned),
  ),
  fc.array(name).map(
    (keys): Step =>
      (pool) =>
        pool.learned(keys),
  ),
  fc.tuple(holder, bytes).map(
    ([by, usage]): Step =>
      async (_, __, store) => [...(await store.share(by, usage, LONG_MS))],
  ),
);

test("a store on Redis answers as one in memory does", async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const redis = await openRedisStore(server.url, `run${run++}`);
      try {
        expect(await answers(redis, steps)).toEqual(await answers(new LocalStore(), steps));
      } finally {
        await redis.close();
      }
    }),
    { seed: 6, numRuns: runs(30) },
  );
});

/** What a store says to each step, and what its followers and its leader hear of all of them. */
async function answers(store: Store, steps: readonly Step[]): Promise<unknown[]> {
  const pool = store.pool("p");
  const tokens = new Tokens();
  const said: unknown[] = [];
  for (const one of steps) {
    try {
      said.push(plain(await one(pool, tokens, store)));
    } catch (error) {
      if (!(error instanceof LeaseLost || error instanceof StaleEpoch)) throw error;
      said.push(error.name);
    }
  }
  return said;
}

/** Bytes as lists, whichever kind of array they are in. */
function plain(answer: unknown): unknown {
  return JSON.parse(
    JSON.stringify(answer ?? null, (_, value: unknown) => {
      if (value instanceof Uint8Array) return Array.from(value);
      const buffer = value as { type?: string; data?: unknown } | null;
      return buffer?.type === "Buffer" ? buffer.data : value;
    }),
  );
}
