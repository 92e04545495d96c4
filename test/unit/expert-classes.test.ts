import { describe, expect, it } from "vitest";
import { SMALL_MODEL } from "../../harness/small-model.ts";
import type { RoutingTrace } from "../../src/model/routing-trace.ts";
import { ExpertClasses, SignatureSample } from "../../src/replay/classes/expert-classes.ts";
import { expertSignature } from "../../src/replay/classes/expert-signature.ts";
import { SyntheticRouting } from "../../src/twin/synthetic-routing.ts";

const TOKENS = 16;
/** Of three topics. */
const TENANTS = ["a", "b", "c"];

/** Requests of these tenants in turn, each with some of its tokens. */
function requests(count: number): RoutingTrace[] {
  const source = new SyntheticRouting(SMALL_MODEL, 1);
  const { topk, rowStride } = source;
  const layers = SMALL_MODEL.moeLayers.length;
  return Array.from({ length: count }, (_, i) => {
    const span = source.admit(TOKENS, TENANTS[i % TENANTS.length]);
    const rows = new Int32Array(TOKENS);
    source.rows(span, 0, TOKENS, rows, 0);
    const experts = [...rows].flatMap((row) => [
      ...source.experts.subarray(row * rowStride, row * rowStride + layers * topk),
    ]);
    return { tokens: TOKENS, layers, topk, experts: Int16Array.from(experts) };
  });
}

function learned(all: readonly RoutingTrace[], count: number): ExpertClasses {
  const sample = new SignatureSample();
  for (const routing of all) sample.add(routing);
  return new ExpertClasses(sample.signatures, count, 1);
}

describe("classes of requests by their experts", () => {
  it("are the topics that the requests are of", () => {
    const [known, others] = [requests(120), requests(180).slice(120)];
    const classes = learned(known, 3);
    expect(classes.count).toBe(3);
    const found = others.map((routing) => classes.of(routing));
    const wanted = found.slice(0, 3);
    expect(new Set(wanted).size).toBe(3);
    const right = found.filter((place, i) => place === wanted[i % 3]).length;
    expect(right / found.length).toBeGreaterThan(0.9);
  });

  it("are no more than the requests tell apart, and the same for the same requests", () => {
    const [one, two] = requests(2);
    expect(learned([one, two, one, one], 8).count).toBe(2);
    expect(learned([one, two, one, one], 8).of(one)).toBe(1);
    const all = requests(90);
    const [first, again] = [learned(all, 3), learned(all, 3)];
    expect(all.map((routing) => again.of(routing))).toEqual(all.map((routing) => first.of(routing)));
  });

  it("are none where no request names experts", () => {
    const nothing = { tokens: 1, layers: 1, topk: 2, experts: Int16Array.of(-1, -1) };
    expect(expertSignature(nothing)).toBeNull();
    expect(learned([nothing], 4).count).toBe(0);
    expect(learned([], 4).of(requests(1)[0])).toBeNull();
  });

  it("are learned from requests that are spread over all of them", () => {
    const sample = new SignatureSample();
    const [one, two] = requests(2);
    for (let i = 0; i < 5000; i++) sample.add(i < 2500 ? one : two);
    const of = String(expertSignature(one));
    const early = sample.signatures.filter((signature) => String(signature) === of).length;
    expect(sample.signatures.length).toBeLessThanOrEqual(1024);
    expect(early / sample.signatures.length).toBeCloseTo(0.5, 1);
  });
});
