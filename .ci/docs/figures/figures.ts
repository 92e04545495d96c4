import { eplb } from "../../../src/core/placement/eplb.ts";
import { evenShares } from "../../../src/core/shares/even-shares.ts";
import { place, planDispatch, solveShares } from "../../../src/library/index.ts";
import { Rng } from "../../../src/lib/rng.ts";
import type { MoeModel } from "../../../src/model/moe-model.ts";
import { indexReplicas } from "../../../src/model/placement.ts";
import { box, svg, text } from "./drawing.ts";
import { gpuBars } from "./gpu-bars.ts";
import { EXPERTS, TOPOLOGY, drawnLoad, drifted } from "./pool.ts";
import { rolloutFigure } from "./rollout.ts";

/**
 * The figures of docs/how-it-works.md, by their files' names: each is what the core that serves makes of a drawn load.
 * @param model whose experts' size bounds the stages of a rollout
 */
export function figures(model: MoeModel): ReadonlyMap<string, string> {
  return new Map([
    ["placement.svg", placementFigure()],
    ["shares.svg", sharesFigure()],
    ["dispatch.svg", dispatchFigure()],
    ["rollout.svg", rolloutFigure(model)],
  ]);
}

function placementFigure(): string {
  const load = drawnLoad(1, 1);
  const plain = { ...TOPOLOGY, slotsPerGpu: EXPERTS / 8 };
  const inOrder = {
    layers: 1,
    experts: EXPERTS,
    topology: plain,
    physicalToLogical: Int32Array.from({ length: EXPERTS }, (_, i) => i),
  };
  const theirs = eplb(load, TOPOLOGY, 1);
  const ours = place({ load, topology: TOPOLOGY });
  const common = { load, prices: null };
  return gpuBars("One layer under three placements", [
    {
      ...common,
      title: "no redundant experts",
      placement: inOrder,
      shares: new Float64Array(EXPERTS).fill(1),
    },
    {
      ...common,
      title: "EPLB, even shares",
      placement: theirs,
      shares: evenShares(theirs, indexReplicas(theirs)).values,
    },
    { ...common, title: "Plimsoll, shares", placement: ours.placement, shares: ours.shares },
  ]);
}

function sharesFigure(): string {
  const { placement, shares } = place({ load: drawnLoad(1, 1), topology: TOPOLOGY });
  const load = drifted(drawnLoad(1, 1), 2, 0.4);
  const solved = solveShares({ placement, load });
  const common = { placement, load };
  return gpuBars("The same placement after the load has changed", [
    {
      ...common,
      title: "split evenly over replicas",
      shares: evenShares(placement, indexReplicas(placement)).values,
      prices: null,
    },
    { ...common, title: "by the shares of before", shares, prices: null },
    { ...common, title: "shares solved again; prices below", shares: solved.shares, prices: solved.prices },
  ]);
}

const TOKENS = 1024;
const TOPK = 4;

function dispatchFigure(): string {
  const load = drawnLoad(1, 1);
  const { placement, shares } = place({ load, topology: TOPOLOGY });
  const routing = { tokens: TOKENS, layers: 1, topk: TOPK, experts: drawnTokens(load.tokens) };
  const ways = [
    ["random", "a replica at random"],
    ["static", "SGLang's static table"],
    ["even", "by the shares alone"],
    ["priced", "priced"],
  ] as const;
  const rows = ways.map(([policy, name]) => {
    const { overall } = planDispatch({ placement, shares, routing, policy });
    return { name, hops: overall.nodeHopsPerToken, level: overall.balancedness };
  });
  const title =
    "Of 1,024 tokens that take 4 of 32 experts: how many leave their node, and how level GPUs are";
  const parts = rows.flatMap(({ name, hops, level }, i) => {
    const y = 40 + i * 28;
    return [
      text(0, y + 14, name),
      box(170, y, hops * 260, 18, "b"),
      text(176 + hops * 260, y + 13, hops.toFixed(2), 'font-size="11"'),
      box(480, y, level * 200, 18, "c"),
      text(486 + level * 200, y + 13, level.toFixed(3), 'font-size="11"'),
    ];
  });
  const heads = [
    text(170, 34, "node hops per token", 'class="faint"'),
    text(480, 34, "balancedness", 'class="faint"'),
  ];
  return svg(760, 40 + rows.length * 28 + 6, title, [
    text(0, 14, title, 'font-weight="600"'),
    ...heads,
    ...parts,
  ]);
}

/** `[tokens][topk]`: different experts, each as often as its load says. */
function drawnTokens(weights: ArrayLike<number>): Int16Array {
  const rng = new Rng(7);
  const experts = new Int16Array(TOKENS * TOPK);
  for (let token = 0; token < TOKENS; token++) {
    // The first of exponential times with these rates (Efraimidis and Spirakis).
    const times = Array.from(weights, (weight, expert) => [rng.exponential(1) / weight, expert]);
    times.sort(([a], [b]) => a - b);
    for (let k = 0; k < TOPK; k++) experts[token * TOPK + k] = times[k][1];
  }
  return experts;
}
