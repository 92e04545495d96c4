import { describe, expect, it } from "vitest";
import { RecentParts } from "../../src/core/load/recent-parts.ts";
import type { ExpertLoad } from "../../src/model/load.ts";

const TOPK = 2;
/** Enough selections for a part of its own: 2,048 tokens of two. */
const PART = 4096;

/** One layer of two experts. */
function load(first: number, second: number): ExpertLoad {
  return { layers: 1, experts: 2, tokens: Float64Array.of(first, second) };
}

function observed(loads: readonly ExpertLoad[]): RecentParts {
  const parts = new RecentParts(1, 2, TOPK);
  for (const each of loads) parts.observe(each, 1000);
  return parts;
}

const eight = Array.from({ length: 8 }, (_, i) => (i % 2 === 0 ? load(PART, 0) : load(PART, PART)));

describe("recent parts of the load", () => {
  it("say nothing while there are few", () => {
    expect(observed(eight.slice(1)).around(load(1, 1))).toEqual([]);
    expect(observed(eight).around(load(1, 1))).toHaveLength(8);
  });

  it("vary around what is expected as they did around their mean", () => {
    const around = observed(eight).around(load(10, 30));
    for (const [i, { tokens }] of around.entries()) expect([...tokens]).toEqual([10, i % 2 === 0 ? 0 : 60]);
  });

  it("join windows until they hold enough tokens", () => {
    const windows = eight.flatMap(({ tokens }) => [load(tokens[0] / 2, 0), load(tokens[0] / 2, tokens[1])]);
    expect(observed(windows).around(load(10, 30))).toEqual(observed(eight).around(load(10, 30)));
  });

  it("are the last 32", () => {
    const later = Array.from({ length: 32 }, () => load(0, PART));
    expect(observed([...eight, ...later]).around(load(5, 7))).toEqual(later.map(() => load(0, 7)));
  });

  it("are forgotten when told so", () => {
    const parts = observed(eight);
    parts.forget();
    expect(parts.around(load(1, 1))).toEqual([]);
  });
});
