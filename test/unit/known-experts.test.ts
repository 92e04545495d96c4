import { describe, expect, it } from "vitest";
import type { RoutingTrace } from "../../src/model/routing-trace.ts";
import { signatureShape } from "../../src/routing/locality/signature-shape.ts";
import { requestFacts } from "../../src/serving/request/request-facts.ts";
import { mixOf } from "../../src/serving/locality/some-layers.ts";
import { KnownExperts, keysOf } from "../../src/serving/locality/known-experts.ts";

const SHAPE = signatureShape(2, 8, 2);
const KIB = 1024;

/** So many tokens that all select these two experts, in both layers. */
function routing(tokens: number, first: number, second: number): RoutingTrace {
  const experts = Int16Array.from({ length: tokens * 4 }, (_, i) => (i % 2 === 0 ? first : second));
  return { tokens, layers: 2, topk: 2, experts };
}

/** Prompts of a tenant: each letter is a block of its own. */
function facts(letters: string, more: { readonly tenant?: string; readonly session?: string | null } = {}) {
  const prompt = letters.replaceAll(/./g, (letter) => letter.repeat(256));
  const { tenant = "t", session = null } = more;
  return requestFacts(Buffer.from(JSON.stringify({ model: "m", prompt })), {
    tenant,
    session,
    priority: 0,
    rank: -1,
    models: null,
    owner: null,
  });
}

const most = (known: ReturnType<KnownExperts["of"]>) => {
  const mix = known.signature?.mix.subarray(0, 8) ?? new Float32Array(0);
  return mix.indexOf(Math.max(...mix));
};

describe("what is known of a request", () => {
  it("is from an earlier turn, else from prompts that begin alike, its session, its tenant, else nothing", () => {
    const known = new KnownExperts(SHAPE, 64 * KIB);
    expect(known.of(facts("abc"))).toEqual({ source: null, signature: null });
    known.observe(keysOf(facts("abc")), routing(500, 0, 1));
    known.observe(keysOf(facts("axy")), routing(5000, 2, 3));
    known.observe(keysOf(facts("q", { session: "s" })), routing(900, 4, 5));
    known.observe(keysOf(facts("r")), routing(60_000, 6, 7));
    expect(known.of(facts("abcd")).source).toBe("turns");
    expect(most(known.of(facts("abcd")))).toBeLessThan(2);
    expect(known.of(facts("azz")).source).toBe("prefix");
    expect([2, 3]).toContain(most(known.of(facts("azz"))));
    expect(known.of(facts("z", { session: "s" })).source).toBe("session");
    expect([4, 5]).toContain(most(known.of(facts("z", { session: "s" }))));
    expect(known.of(facts("z")).source).toBe("tenant");
    expect([6, 7]).toContain(most(known.of(facts("z"))));
    // Another tenant's prompts that begin alike are its own kind; its conversation is not.
    expect(known.of(facts("azz", { tenant: "u" })).source).toBeNull();
    expect(known.of(facts("zzz", { tenant: "anonymous" })).source).toBeNull();
  });

  it("is chances, and what is known of few tokens is filled up by what is known of more", () => {
    const known = new KnownExperts(SHAPE, 64 * KIB);
    known.observe(keysOf(facts("r")), routing(1000, 6, 7));
    known.observe(keysOf(facts("q", { session: "s" })), routing(4, 0, 1));
    const { signature, source } = known.of(facts("z", { session: "s" }));
    expect(source).toBe("session");
    const mix = signature?.mix ?? expect.fail();
    expect(mix.every((chance) => chance >= 0 && chance <= 1)).toBe(true);
    expect(mix.reduce((sum, one) => sum + one, 0)).toBeCloseTo(4, 5);
    expect(mix[6]).toBeGreaterThan(mix[0]);
    expect(mix[0]).toBeGreaterThan(0);
    expect(signature?.tokens).toBeCloseTo(68, 5);
  });

  it("is the same of what another process has seen", () => {
    const [own, other] = [new KnownExperts(SHAPE, 64 * KIB), new KnownExperts(SHAPE, 64 * KIB)];
    for (const [at, letters] of ["abc", "axy", "abq", "abc"].entries()) {
      const seen = routing(100 * (1 + at), at, at + 1);
      own.observe(keysOf(facts(letters)), seen);
      other.hear(keysOf(facts(letters)), { mix: mixOf(seen, SHAPE), tokens: seen.tokens });
    }
    for (const letters of ["abcd", "ab", "zz"]) {
      const [a, b] = [own.of(facts(letters)), other.of(facts(letters))];
      expect(b.source).toBe(a.source);
      expect(b.signature?.tokens).toBeCloseTo(a.signature?.tokens ?? 0, 3);
      for (const [i, chance] of (a.signature?.mix ?? expect.fail()).entries())
        expect(b.signature?.mix[i]).toBeCloseTo(chance, 5);
    }
  });

  it("takes no more memory than it may: the longest unused goes", () => {
    const known = new KnownExperts(SHAPE, 10 * SHAPE.width * 4);
    for (let i = 0; i < 100; i++) known.observe(keysOf(facts("q", { tenant: `t${i}` })), routing(8, 0, 1));
    expect(known.kinds).toBe(9);
    expect(known.of(facts("z", { tenant: "t99" })).source).toBe("tenant");
    expect(known.of(facts("z", { tenant: "t1" })).source).toBeNull();
    expect(() => new KnownExperts(SHAPE, 4 * SHAPE.width * 4)).toThrow(RangeError);
  });
});
