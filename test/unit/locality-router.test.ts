import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Rng } from "../../src/lib/rng.ts";
import { tangentAt } from "../../src/routing/locality/expected-distinct.ts";
import { type ExpertSignature, LocalityRouter } from "../../src/routing/locality/locality-router.ts";

const EXPERTS = 32;
const TOPK = 4;
const BATCH = 8;

/** Distinct experts to be expected, by definition. */
function expected(mix: Float32Array, batch: number): number {
  return mix.reduce((sum, chance) => sum + 1 - (1 - chance) ** batch, 0);
}

function drawnMix(rng: Rng): Float32Array {
  return Float32Array.from({ length: EXPERTS }, () => rng.uniform());
}

/** A request of a kind that uses its own part of the experts, and a few others. */
function signature(kind: number, kinds: number, rng: Rng, tokens = 40): ExpertSignature {
  const mix = new Float32Array(EXPERTS);
  const own = EXPERTS / kinds;
  for (let i = 0; i < tokens * TOPK; i++) {
    const expert = rng.uniform() < 0.9 ? kind * own + rng.below(own) : rng.below(EXPERTS);
    mix[expert] += 1 / tokens;
  }
  return { mix: mix.map((chance) => Math.min(1, chance)), tokens };
}

describe("the tangent of distinct experts", () => {
  it("touches at its own mix and lies above everywhere else", () => {
    const rng = new Rng(1);
    for (let n = 0; n < 20; n++) {
      const [at, other] = [drawnMix(rng), drawnMix(rng)];
      const tangent = { slope: new Float32Array(EXPERTS), offset: 0 };
      tangentAt(at, BATCH, tangent);
      const value = (mix: Float32Array) =>
        mix.reduce((sum, p, i) => sum + p * tangent.slope[i], tangent.offset);
      expect(value(at)).toBeCloseTo(expected(at, BATCH), 4);
      expect(value(other)).toBeGreaterThan(expected(other, BATCH));
    }
  });

  it("holds where an expert is always chosen, or never", () => {
    const tangent = { slope: new Float32Array(2), offset: 0 };
    tangentAt(Float32Array.of(0, 1), 3, tangent);
    expect([...tangent.slope]).toEqual([3, 0]);
    expect(tangent.offset).toBe(1);
    tangentAt(Float32Array.of(0, 1), 1, tangent);
    expect([...tangent.slope]).toEqual([1, 1]);
    expect(tangent.offset).toBe(0);
  });
});

describe("a router by experts", () => {
  const route = (kinds: number, instances: number, count: number, seed: number) => {
    const rng = new Rng(seed);
    const router = new LocalityRouter({ instances, width: EXPERTS, batch: BATCH });
    const loads = new Float64Array(instances);
    return Array.from({ length: count }, () => {
      const kind = rng.below(kinds);
      const request = signature(kind, kinds, rng);
      const instance = router.choose(request, 1, loads, 10);
      loads[instance]++;
      router.observe(request, 1, instance);
      return { kind, instance, loads: loads.slice() };
    });
  };

  it.each([
    { kinds: 2, instances: 2 },
    { kinds: 4, instances: 4 },
    { kinds: 8, instances: 4 },
  ])("keeps $kinds kinds apart on $instances instances", ({ kinds, instances }) => {
    const late = route(kinds, instances, 400, 3).slice(200);
    // Of each kind, the part that its most usual instance gets.
    let together = 0;
    for (let kind = 0; kind < kinds; kind++) {
      const own = late.filter((request) => request.kind === kind);
      const on = Array.from(
        { length: instances },
        (_, n) => own.filter(({ instance }) => instance === n).length,
      );
      together += Math.max(...on);
    }
    expect(together / late.length).toBeGreaterThan(0.8);
  });

  it("keeps kinds apart from the first request on, once it has learned from earlier ones", () => {
    const [kinds, instances] = [8, 4];
    const rng = new Rng(6);
    const router = new LocalityRouter({ instances, width: EXPERTS, batch: BATCH, window: 200 });
    const earlier = Array.from({ length: 200 }, () => rng.below(kinds));
    router.prepare(earlier.map((kind) => ({ signature: signature(kind, kinds, rng), tokens: 1 })));
    const loads = new Float64Array(instances);
    const kindsOf = Array.from({ length: instances }, () => new Set<number>());
    for (let n = 0; n < 80; n++) {
      const request = signature(n % kinds, kinds, rng);
      const instance = router.choose(request, 1, loads, 20);
      loads[instance]++;
      kindsOf[instance].add(n % kinds);
      router.observe(request, 1, instance);
    }
    expect(kindsOf.map(({ size }) => size)).toEqual([2, 2, 2, 2]);
  });

  it("learns nothing from no earlier request", () => {
    const router = new LocalityRouter({ instances: 2, width: EXPERTS, batch: BATCH });
    router.prepare([]);
    expect(router.choose(signature(0, 2, new Rng(1)), 1, Float64Array.of(3, 2), 9)).toBe(1);
  });

  it("says the same again", () => {
    expect(route(4, 3, 150, 5)).toEqual(route(4, 3, 150, 5));
  });

  it("sends a request of which nothing is known to the least loaded", () => {
    const router = new LocalityRouter({ instances: 3, width: EXPERTS, batch: BATCH });
    expect(router.choose(null, 5, Float64Array.of(7, 3, 4), 100)).toBe(1);
    const known = signature(0, 2, new Rng(2));
    router.observe(known, 5, 0);
    expect(router.choose(null, 5, Float64Array.of(7, 9, 4), 100)).toBe(2);
    expect(router.choose(known, 5, Float64Array.of(7, 9, 4), 0)).toBe(2);
  });

  it("counts a signature of few tokens less than load", () => {
    const router = new LocalityRouter({ instances: 2, width: EXPERTS, batch: BATCH });
    const rng = new Rng(4);
    for (let n = 0; n < 60; n++) router.observe(signature(n % 2, 2, rng), 1, n % 2);
    const known = signature(0, 2, rng);
    const loads = Float64Array.of(5, 0);
    expect(router.choose(known, 1, loads, 10)).toBe(0);
    expect(router.choose({ ...known, tokens: 0 }, 1, loads, 10)).toBe(1);
  });

  it("never fills an instance beyond the band, whatever comes", () => {
    const request = fc.record({ kind: fc.nat(3), tokens: fc.integer({ min: 1, max: 50 }) });
    fc.assert(
      fc.property(
        fc.array(request, { maxLength: 60 }),
        fc.integer({ min: 1, max: 5 }),
        (requests, instances) => {
          const rng = new Rng(9);
          const router = new LocalityRouter({ instances, width: EXPERTS, batch: BATCH });
          const loads = new Float64Array(instances);
          const slack = 30;
          for (const { kind, tokens } of requests) {
            const least = Math.min(...loads);
            const known = signature(kind, 4, rng, tokens);
            const instance = router.choose(known, tokens, loads, slack);
            const before = loads[instance];
            loads[instance] += tokens;
            const mean = loads.reduce((sum, load) => sum + load, 0) / instances;
            if (before > least) expect(loads[instance]).toBeLessThanOrEqual(mean + slack + 1e-9);
            router.observe(known, tokens, instance);
          }
        },
      ),
      { seed: 11, numRuns: 40 },
    );
  });
});
