import fc from "fast-check";
import { expect, test } from "vitest";
import { Rng } from "../../src/lib/rng.ts";
import type { LocalityQuestion } from "../../src/routing/locality/locality-question.ts";
import { type ExpertSignature, LocalityRouter } from "../../src/routing/locality/locality-router.ts";
import type { Unavailable } from "../../src/routing/plug-in.ts";
import { PoolLocality } from "../../src/routing/pools/pool-locality.ts";
import { PoolRouter } from "../../src/routing/pools/pool-router.ts";
import { ShardStates } from "../../src/routing/shard-states.ts";
import { routable } from "../routable-request.ts";
import { runs } from "../runs.ts";

const EXPERTS = 16;
const NAMES = ["a", "b", "c", "d"];

function signature(kind: number, rng: Rng): ExpertSignature {
  const own = (i: number) => Math.floor(i / 4) === kind % 4;
  return {
    mix: Float32Array.from({ length: EXPERTS }, (_, i) => (own(i) ? 0.7 : 0.05) * rng.uniform()),
    tokens: 50,
  };
}

function made(count: number, band: number, parts: readonly number[] | null) {
  const router = new LocalityRouter({ instances: count, width: EXPERTS, batch: 8 });
  const locality = new PoolLocality(count, router, band);
  const pools = NAMES.slice(0, count).map((name) => {
    const pool = {
      name,
      get current() {
        return this;
      },
      states: new ShardStates(1),
      degraded: false,
      full: false,
      unavailable: (): Unavailable | null => (pool.full ? "at_capacity" : null),
    };
    return pool;
  });
  const weights = parts === null ? null : Float64Array.from(parts.slice(0, count));
  const choosing = new PoolRouter({
    pools,
    parts: weights,
    prefixIndexBytes: 1 << 16,
    rng: new Rng(1),
    locality,
  });
  return { router, locality, pools, choosing };
}

const settings = fc.record({
  count: fc.integer({ min: 2, max: 4 }),
  band: fc.double({ min: 0.01, max: 0.5, noNaN: true }),
  parts: fc.constantFrom(null, [1, 1, 1, 1], [3, 1, 2, 1]),
  acts: fc.boolean(),
  seed: fc.nat(),
});

test("requests go where they may, within the band, or as without; a shadow's own account holds it too", () => {
  let byExperts = 0;
  fc.assert(
    fc.property(settings, ({ count, band, parts, acts, seed }) => {
      const rng = new Rng(seed);
      const { router, locality, pools, choosing } = made(count, band, parts);
      const flying: { readonly at: number; readonly would: number; readonly tokens: number }[] = [];
      const full = (tokens: readonly number[]) => tokens.map((own, i) => own / (parts?.[i] ?? 1));
      for (let sent = 0; sent < 150; sent++) {
        for (const pool of pools) pool.full = rng.uniform() < 0.15;
        if (pools.every((pool) => pool.full)) pools[rng.below(count)].full = false;
        const kind = rng.below(8);
        const known = rng.uniform() < 0.2 ? null : signature(kind, rng);
        const question: LocalityQuestion = { signature: known, acts, place: -1 };
        const tokens = 200 + rng.below(800);
        const request = {
          ...routable({ inputTokens: tokens - 100, outputTokens: 100 }),
          generates: true,
          models: NAMES,
          amongs: null,
          asked: null,
          locality: question,
        };
        const own = acts ? locality.went : locality.would;
        const before = full([...own]);
        const at = choosing.choose(request);
        expect(pools[at].full).toBe(false);
        const { place } = question;
        if (known === null || sent === 0) expect(place).toBe(-1);
        else {
          byExperts++;
          expect(pools[place].full).toBe(false);
          if (acts) expect(at).toBe(place);
          const open = before.filter((_, i) => !pools[i].full);
          const mean = open.reduce((sum, one) => sum + one, 0) / open.length;
          expect(before[place]).toBeLessThanOrEqual((1 + band) * mean + 1e-6);
        }
        const would = place < 0 || acts ? at : place;
        locality.begin(at, would, tokens);
        pools[at].states.begin(0, tokens - 100, 100);
        flying.push({ at, would, tokens });
        if (known !== null || sent === 0) router.observe(known ?? signature(kind, rng), tokens, would, 1);
        while (flying.length > 30 || (flying.length > 0 && rng.uniform() < 0.3)) {
          const [over] = flying.splice(rng.below(flying.length), 1);
          locality.end(over.at, over.would, over.tokens);
          pools[over.at].states.end(0, over.tokens - 100, 100);
        }
      }
      for (const { at, would, tokens } of flying) locality.end(at, would, tokens);
      expect([...locality.went, ...locality.would].every((tokens) => tokens === 0)).toBe(true);
    }),
    { seed: 1, numRuns: runs(40) },
  );
  expect(byExperts).toBeGreaterThan(1000);
});

test("a request of which nothing is known, and one that does not ask, go as without", () => {
  const plain = made(3, 0.05, null);
  const other = made(3, 0.05, null);
  const rng = new Rng(2);
  for (let i = 0; i < 20; i++) other.router.observe(signature(i, rng), 10, i % 3);
  const asked = (locality: LocalityQuestion | null) => ({
    ...routable({ affinityKey: 1 + rng.below(1000) }),
    generates: true,
    models: NAMES,
    amongs: null,
    asked: null,
    locality,
  });
  for (let sent = 0; sent < 40; sent++) {
    const question = sent % 2 === 0 ? null : { signature: null, acts: true, place: -1 };
    const request = asked(question);
    const at = other.choosing.choose(request);
    expect(at).toBe(plain.choosing.choose({ ...request, locality: null }));
    for (const { pools } of [plain, other]) pools[at].states.begin(0, 800, 200);
  }
});

test("what is cached in a pool holds a request there that gains less elsewhere", () => {
  const { router, choosing, pools } = made(2, 0.5, null);
  const rng = new Rng(3);
  for (let i = 0; i < 40; i++) router.observe(signature(2 * (i % 2), rng), 10, i % 2);
  const prefix = Uint32Array.from({ length: 80 }, (_, i) => i + 1);
  const asked = (
    outputTokens: number,
    kind: number,
    known: Partial<Parameters<typeof routable>[0]> = {},
  ) => ({
    ...routable({ prefix, inputTokens: 2600, outputTokens, ...known }),
    generates: true,
    models: NAMES,
    amongs: null,
    asked: null,
    locality: { signature: signature(kind, rng), acts: true, place: -1 },
  });
  // Its like are in the first; there it is cached then.
  expect(choosing.choose(asked(2000, 0))).toBe(0);
  for (const { states } of pools) states.begin(0, 4000, 1000);
  // Of the other kind: a short answer stays where the prompt is, a long one moves to its like.
  expect(choosing.choose(asked(20, 2))).toBe(0);
  expect(choosing.choose(asked(20_000, 2))).toBe(1);
});

test("the shadow's band is of all processes: what others would have moved counts as what it has itself", () => {
  const { router, locality, choosing, pools } = made(2, 0.1, null);
  const rng = new Rng(4);
  for (let i = 0; i < 40; i++) router.observe(signature(i % 2, rng), 10, i % 2);
  for (const pool of pools) for (let i = 0; i < 20; i++) pool.states.begin(0, 400, 100);
  const wouldGo = () => {
    const question: LocalityQuestion = { signature: signature(0, rng), acts: false, place: -1 };
    const request = { ...routable({ inputTokens: 100, outputTokens: 100 }), generates: true, models: NAMES };
    choosing.choose({ ...request, amongs: null, asked: null, locality: question });
    return question.place;
  };
  expect(wouldGo()).toBe(0);
  locality.moved.set([6000, -6000]);
  expect(wouldGo()).toBe(1);
});
