import fc from "fast-check";
import { expect, it } from "vitest";
import { HopGains } from "../../src/core/placement/hop-gains.ts";
import { Rng } from "../../src/lib/rng.ts";
import type { RoutingTrace } from "../../src/model/routing-trace.ts";
import { randomPlacement } from "../random-placement.ts";
import { randomTrace } from "../random-trace.ts";
import { runs } from "../runs.ts";

const LAYERS = 3;

/** Experts of several layers on a few nodes, with copies and empty slots, and tokens that use them. */
const hopCase = fc
  .record({
    nodes: fc.integer({ min: 1, max: 5 }),
    slotsPerNode: fc.integer({ min: 2, max: 8 }),
    redundancy: fc.constantFrom(0, 0.2, 0.5),
    topk: fc.integer({ min: 1, max: 5 }),
    sampleLayers: fc.integer({ min: 1, max: LAYERS }),
    tokens: fc.integer({ min: 1, max: 40 }),
    seed: fc.nat(),
  })
  .map(({ nodes, slotsPerNode, redundancy, topk, sampleLayers, tokens, seed }) => {
    const rng = new Rng(seed);
    const width = nodes * slotsPerNode;
    const experts = Math.max(1, Math.floor(width * (1 - redundancy)));
    const topology = { nodes, gpusPerNode: 1, slotsPerGpu: slotsPerNode };
    const { physicalToLogical } = randomPlacement(rng, LAYERS, experts, topology);
    const sample = randomTrace(rng, tokens, sampleLayers, Math.min(topk, experts), experts);
    const nodeOf = Int32Array.from({ length: width }, (_, slot) => Math.floor(slot / slotsPerNode));
    return { nodes, experts, width, physicalToLogical, nodeOf, sample };
  });

/** `[tokens]`: the experts that a token uses at a layer. */
function tokensOf({ tokens, layers, topk, experts }: RoutingTrace, layer: number): number[][] {
  return Array.from({ length: tokens }, (_, token) => {
    const from = (token * layers + (layer % layers)) * topk;
    return [...experts.subarray(from, from + topk)].filter((expert) => expert >= 0);
  });
}

/** `[experts]`: the nodes that hold each, ascending. */
function holders(experts: number, expertOf: Int32Array, nodeOf: Int32Array): number[][] {
  const held = Array.from({ length: experts }, () => new Set<number>());
  for (const [slot, expert] of expertOf.entries()) if (expert >= 0) held[expert].add(nodeOf[slot]);
  return held.map((nodes) => [...nodes].toSorted((a, b) => a - b));
}

/** `[experts of the token]`: the node of each; where there are several, that of most of the others so far. */
function nodesOf(token: readonly number[], held: readonly (readonly number[])[]): number[] {
  const nodes = token.map((expert) => (held[expert].length === 1 ? held[expert][0] : -1));
  for (const [i, expert] of token.entries()) {
    if (nodes[i] >= 0) continue;
    const need = (node: number) => nodes.filter((other) => other === node).length;
    nodes[i] = held[expert].reduce((best, node) => (need(node) > need(best) ? node : best));
  }
  return nodes;
}

it("the gain is what the tokens' visits differ by when one expert moves and the others stay", () => {
  fc.assert(
    fc.property(hopCase, ({ nodes, experts, width, physicalToLogical, nodeOf, sample }) => {
      const gains = new HopGains(sample, nodes, experts);
      for (let layer = 0; layer < LAYERS; layer++) {
        const expertOf = physicalToLogical.subarray(layer * width, (layer + 1) * width);
        const held = holders(experts, expertOf, nodeOf);
        const tokens = tokensOf(sample, layer);
        const before = tokens.map((token) => nodesOf(token, held));
        gains.count(layer, expertOf, nodeOf);
        for (let expert = 0; expert < experts; expert++) {
          if (held[expert].length > 1) continue;
          for (let to = 0; to < nodes; to++) {
            if (to === held[expert][0]) continue;
            let saved = 0;
            for (const [i, token] of tokens.entries()) {
              const after = before[i].map((node, k) => (token[k] === expert ? to : node));
              saved += new Set(before[i]).size - new Set(after).size;
            }
            expect(gains.gain(expert, to)).toBeCloseTo(saved / sample.tokens, 12);
          }
        }
      }
    }),
    { seed: 21, numRuns: runs(120) },
  );
});
