import { expect, test } from "vitest";
import { TallyCounter } from "../../src/core/dispatch/tally-counter.ts";
import { V3Gate } from "../../src/core/gate/v3-gate.ts";
import { Rng } from "../../src/lib/rng.ts";

const TOKENS = 20_000;
const EXPERTS = 256;
const TOPK = 8;

/**
 * Mean distinct destinations per token, 256 experts on GPUs in order, scores independent and uniform. Reference:
 * a Monte Carlo of its own. The tally leaves out the token's own rank and node: with an independent uniform
 * source, a token goes to `distinct × (1 − 1 / ranks)` others.
 */
test.each([
  { nodes: 8, groups: 1, topkGroups: 1, ranks: 7.67, distinctNodes: 5.29 },
  { nodes: 8, groups: 8, topkGroups: 4, ranks: 7.48, distinctNodes: 3.97 },
  { nodes: 4, groups: 1, topkGroups: 1, ranks: 7.27, distinctNodes: 3.6 },
  { nodes: 4, groups: 8, topkGroups: 4, ranks: 6.85, distinctNodes: 3.12 },
])(
  "$nodes nodes of 8 GPUs, $topkGroups of $groups groups",
  ({ nodes, groups, topkGroups, ranks, distinctNodes }) => {
    const gpus = nodes * 8;
    const topology = { nodes, gpusPerNode: 8, slotsPerGpu: EXPERTS / gpus };
    const gate = new V3Gate({ experts: EXPERTS, groups, topkGroups, topk: TOPK });
    const rng = new Rng(nodes, groups);
    const scores = new Float64Array(EXPERTS);
    const experts = new Int16Array(TOKENS * TOPK);
    for (let token = 0; token < TOKENS; token++) {
      for (let e = 0; e < EXPERTS; e++) scores[e] = rng.uniform();
      gate.select(scores, experts, token * TOPK);
    }
    const batch = {
      tokens: TOKENS,
      sources: Int32Array.from({ length: TOKENS }, () => rng.below(gpus)),
      rows: Int32Array.from({ length: TOKENS }, (_, token) => token),
      experts,
      rowStride: TOPK,
      topk: TOPK,
    };
    // In order and without redundancy, an expert's slot has its own number.
    const { hops, nodeHops } = new TallyCounter(topology).count(batch, Int32Array.from(experts));
    expect(Math.abs(hops / TOKENS / (1 - 1 / gpus) / ranks - 1)).toBeLessThan(0.01);
    expect(Math.abs(nodeHops / TOKENS / (1 - 1 / nodes) / distinctNodes - 1)).toBeLessThan(0.01);
  },
);
