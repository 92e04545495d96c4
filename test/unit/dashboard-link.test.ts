import fc from "fast-check";
import { expect, test } from "vitest";
import { PAIR_MEASURES } from "../../src/dashboard/exchange/exchange-figures.ts";
import { HEAT_MAP_MODES } from "../../src/dashboard/experts/heat-map-view.ts";
import { LOAD_UNITS } from "../../src/dashboard/experts/shown-map.ts";
import { GPU_MEASURES } from "../../src/dashboard/gpus/gpu-measures.ts";
import { RANGES } from "../../src/dashboard/history/ranges.ts";
import { USUAL_VIEW, readLink, writeLink } from "../../src/dashboard/page/link-state.ts";

test("a link says what is not as usual, for people to read", () => {
  expect(writeLink(USUAL_VIEW)).toBe("");
  const view = {
    ...USUAL_VIEW,
    pool: "chat",
    range: "1h",
    at: Date.UTC(2026, 11, 1, 9, 30),
    gpu: 5,
  } as const;
  expect(writeLink(view)).toBe("#pool=chat&range=1h&at=2026-12-01T09:30:00Z&gpu=5");
  const pair = { ...USUAL_VIEW, exchange: { from: 2, to: null }, pairs: "tokens" } as const;
  expect(writeLink(pair)).toBe("#exchange=2-all&pairs=tokens");
});

test("a view is what its link says, whatever the pool's name is", () => {
  const view = fc.record({
    pool: fc.option(fc.string({ unit: "grapheme", minLength: 1, maxLength: 50 })),
    range: fc.constantFrom(...RANGES.map(({ name }) => name)),
    at: fc.option(fc.nat(4e9).map((seconds) => seconds * 1000)),
    gpu: fc.option(fc.nat(99_999)),
    gpus: fc.constantFrom(...GPU_MEASURES.map(({ value }) => value)),
    experts: fc.constantFrom(...HEAT_MAP_MODES.map(({ value }) => value)),
    loads: fc.constantFrom(...LOAD_UNITS.map(({ value }) => value)),
    decision: fc.option(fc.integer({ min: 1, max: 1e14 })),
    exchange: fc.option(fc.record({ from: fc.option(fc.nat(99_999)), to: fc.option(fc.nat(99_999)) })),
    pairs: fc.constantFrom(...PAIR_MEASURES.map(({ value }) => value)),
  });
  fc.assert(
    fc.property(view, (one) => {
      expect(readLink(writeLink(one))).toEqual(one);
    }),
    { seed: 1, numRuns: 300 },
  );
});

test("whatever a link has in it, what cannot be read is as usual", () => {
  for (const hash of [
    "",
    "#",
    "#range=1y&gpu=-1&at=yesterday&gpus=<script>&experts=__proto__",
    "#gpu=1e3&at=2026-13-40T00:00:00Z&pool=",
    "#gpu=99999999&range=constructor&at=275760-09-13T00:00:01Z",
    `#pool=${"x".repeat(5000)}`,
    "#exchange=-1-2&pairs=all",
    "#exchange=2-999999",
    "#%E0%A4%A&&&==&",
  ])
    expect([hash, readLink(hash)]).toEqual([hash, USUAL_VIEW]);
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (hash) => {
      const read = readLink(hash);
      expect(readLink(writeLink(read))).toEqual(read);
    }),
    { seed: 2, numRuns: 300 },
  );
});
