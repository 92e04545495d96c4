import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Rng } from "../../src/lib/rng.ts";
import { PrefixIndex } from "../../src/routing/prefix-index.ts";

/** What was recorded, without a bound. */
class Model {
  readonly #seen = new Map<string, Set<number>>();

  record(prefix: Uint32Array, shard: number): void {
    for (let i = 0; i < prefix.length; i += 2) this.#shards(prefix, i).add(shard);
  }

  match(prefix: Uint32Array, shard: number): number {
    let i = 0;
    while (i < prefix.length && this.#shards(prefix, i).has(shard)) i += 2;
    return i / 2;
  }

  forget(shard: number): void {
    for (const shards of this.#seen.values()) shards.delete(shard);
  }

  #shards(prefix: Uint32Array, i: number): Set<number> {
    const key = `${prefix[i]} ${prefix[i + 1]}`;
    return this.#seen.getOrInsert(key, new Set());
  }
}

/** Prompts over two letters: the hash of a block is its whole path. */
const prompt = fc
  .array(fc.integer({ min: 1, max: 2 }), { maxLength: 6 })
  .map((letters) =>
    Uint32Array.from(
      letters.flatMap((_, i) => [letters.slice(0, i + 1).reduce((path, letter) => path * 3 + letter, 0), i]),
    ),
  );

const SHARDS = 70;
const shard = fc.constantFrom(0, 1, 31, 32, 63, 64, 69);
const act = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant("record" as const), prompt, shard }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("forget" as const), prompt, shard }) },
);

function matches(index: PrefixIndex, prefix: Uint32Array): number[] {
  const blocks = new Int32Array(SHARDS).fill(-1);
  index.match(prefix, blocks);
  return [...blocks];
}

function play(bytes: number, check: (got: number[], expected: number[]) => void): void {
  fc.assert(
    fc.property(fc.array(act, { maxLength: 40 }), fc.array(prompt, { maxLength: 8 }), (acts, asked) => {
      const index = new PrefixIndex(SHARDS, bytes);
      const model = new Model();
      for (const one of acts) {
        for (const side of [index, model]) {
          if (one.do === "record") side.record(one.prompt, one.shard);
          else side.forget(one.shard);
        }
      }
      for (const prefix of [...asked, ...acts.map((one) => one.prompt)]) {
        check(
          matches(index, prefix),
          Array.from({ length: SHARDS }, (_, of) => model.match(prefix, of)),
        );
      }
    }),
    { seed: 11 },
  );
}

describe("the prefix index", () => {
  it("is a map from prefixes to shards while it has room", () => {
    play(1 << 16, (got, expected) => assert.deepEqual(got, expected));
  });

  it("never claims more than was recorded when it has not", () => {
    let lost = 0;
    play(1, (got, expected) => {
      for (const [of, blocks] of got.entries()) {
        assert.ok(blocks <= expected[of]);
        lost += expected[of] - blocks;
      }
    });
    expect(lost).toBeGreaterThan(0);
  });

  it("gives up what was not recorded for longest", () => {
    // One set of eight entries.
    const index = new PrefixIndex(SHARDS, 1);
    const block = (i: number) => Uint32Array.of(i, 0);
    for (let i = 0; i < 8; i++) index.record(block(i), 5);
    index.record(block(0), 6);
    index.record(block(8), 5);
    const kept = Array.from({ length: 9 }, (_, i) => matches(index, block(i))[5]);
    expect(kept).toEqual([1, 0, 1, 1, 1, 1, 1, 1, 1]);
  });

  it("keeps most of what fits", () => {
    const index = new PrefixIndex(32, 8192 * 16);
    const rng = new Rng(4);
    const prefixes = Array.from({ length: 4096 }, () => Uint32Array.of(rng.uint32(), rng.uint32()));
    for (const prefix of prefixes) index.record(prefix, 3);
    const blocks = new Int32Array(32);
    const kept = prefixes.filter((prefix) => {
      index.match(prefix, blocks);
      return blocks[3] === 1;
    });
    expect(kept.length).toBeGreaterThan(0.95 * prefixes.length);
  });

  it("takes over what another knew of the shards that stay, wherever they are now", () => {
    const seen = { smaller: 0, kept: 0 };
    fc.assert(
      fc.property(
        fc.array(fc.record({ prompt, shard }), { maxLength: 40 }),
        fc.shuffledSubarray([0, 1, 31, 32, 63, 64, 69]),
        fc.constantFrom(1 << 16, 1 << 17, 1),
        (acts, stay, bytes) => {
          const before = new PrefixIndex(SHARDS, 1 << 16);
          for (const one of acts) before.record(one.prompt, one.shard);
          // A shard that is new comes first.
          const previous = Int32Array.of(-1, ...stay);
          const after = new PrefixIndex(previous.length, bytes);
          const knownOf = acts.map((one) => matches(before, one.prompt));
          after.resume(before, previous);
          const blocks = new Int32Array(previous.length);
          for (const [i, one] of acts.entries()) {
            after.match(one.prompt, blocks);
            const known = knownOf[i];
            for (const [of, from] of previous.entries()) {
              const expected = from < 0 ? 0 : known[from];
              if (bytes === 1) expect(blocks[of]).toBeLessThanOrEqual(expected);
              else expect(blocks[of]).toBe(expected);
              seen.smaller += Number(blocks[of] < expected);
              seen.kept += blocks[of];
            }
          }
        },
      ),
      { seed: 12 },
    );
    expect([seen.smaller > 0, seen.kept > 0]).toEqual([true, true]);
  });
});

/** What a cache of so many blocks holds of what it was sent: those used longest ago went first. */
class LruCache {
  readonly #blocks = new Set<string>();
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  record(prefix: Uint32Array): void {
    for (let i = 0; i < prefix.length; i += 2) {
      const key = `${prefix[i]} ${prefix[i + 1]}`;
      this.#blocks.delete(key);
      this.#blocks.add(key);
    }
    for (const key of this.#blocks) {
      if (this.#blocks.size <= this.#capacity) return;
      this.#blocks.delete(key);
    }
  }

  match(prefix: Uint32Array): number {
    let i = 0;
    while (i < prefix.length && this.#blocks.has(`${prefix[i]} ${prefix[i + 1]}`)) i += 2;
    return i / 2;
  }
}

describe("an index that knows how much caches hold", () => {
  const CAPACITY = 32;
  /** Conversations of up to ten blocks, of so many that most are gone when they are asked for again. */
  const conversation = fc.record({ id: fc.nat(11), blocks: fc.integer({ min: 1, max: 10 }) });
  const prefixOf = ({ id, blocks }: { id: number; blocks: number }) =>
    Uint32Array.from({ length: blocks * 2 }, (_, i) => (i % 2 === 0 ? id * 100 + i : i));

  it("forgets nothing that a cache still has, and most of what it has not", () => {
    let [gone, believed] = [0, 0];
    fc.assert(
      fc.property(fc.array(conversation, { minLength: 20, maxLength: 60 }), (sent) => {
        const index = new PrefixIndex(2, 1 << 16);
        const cache = new LruCache(CAPACITY);
        for (const prefix of sent.map(prefixOf)) {
          const blocks = new Int32Array(2);
          index.match(prefix, blocks);
          const there = cache.match(prefix);
          expect(blocks[1]).toBeGreaterThanOrEqual(there);
          if (there === 0) gone++;
          if (there === 0 && blocks[1] > 0) believed++;
          index.record(prefix, 1, 0, CAPACITY);
          cache.record(prefix);
        }
      }),
      { seed: 13 },
    );
    expect(gone).toBeGreaterThan(1000);
    expect(believed / gone).toBeLessThan(0.35);
  });

  it("forgets each shard's by what that was sent, though others were sent the same", () => {
    const index = new PrefixIndex(2, 1 << 16);
    const blocks = new Int32Array(2);
    const asked = prefixOf({ id: 1, blocks: 4 });
    for (const each of [0, 1]) index.record(asked, each, 0, CAPACITY);
    for (let id = 2; id < 8; id++) index.record(prefixOf({ id, blocks: 10 }), 0, 0, CAPACITY);
    index.match(asked, blocks);
    expect([...blocks]).toEqual([0, 4]);
    // The other's use of it brings back nothing.
    index.record(asked, 1, 0, CAPACITY);
    index.match(asked, blocks);
    expect([...blocks]).toEqual([0, 4]);
  });
});
