import { drain } from "../../../src/cli/drain.ts";
import { BALANCE_POLICIES } from "../../../src/core/planning/balance-policy.ts";
import { Rng } from "../../../src/lib/rng.ts";
import type { Cadence } from "../../../src/model/cadence.ts";
import type { RankFault } from "../../../src/model/rank-fault.ts";
import type { Topology } from "../../../src/model/topology.ts";
import { carriedUnbalanced } from "../../../src/twin/load-lines.ts";
import { routingSources } from "../../../src/twin/routing-sources.ts";
import { LONG_PROMPT_TOKENS, longPrompts } from "../../../src/twin/traffic.ts";
import type { VirtualRunResult } from "../../../src/twin/run/virtual-run.ts";
import type { Bench } from "../bench.ts";
import type { Aim, BenchTable } from "../bench-table.ts";
import { EP32, type TwinCase, runCase } from "./cases.ts";

interface MovesCase {
  readonly name: string;
  readonly cadence: Cadence;
  readonly durationMs: number;
  readonly faults?: readonly RankFault[];
}

interface Sizes {
  readonly cases: readonly MovesCase[];
  readonly topology: Topology;
  /** Tokens a second that are more than the pool carries. */
  readonly beyond: number;
}

/** Of what the pool carries unbalanced: as the demo offers. */
const OFFERED = 1.08;
const SECONDS = { sharesMs: 1000, placementMs: 10_000 };

function lostAndBack(atMs: number, forMs: number): RankFault[] {
  return [{ pool: "pool", rank: 5, atMs, noticedMs: 1000, forMs }];
}

const SIZES: Sizes = {
  topology: EP32,
  beyond: 32 * 200_000,
  cases: [
    { name: "drift", cadence: SECONDS, durationMs: 60_000 },
    {
      name: "a rank lost, and back",
      cadence: SECONDS,
      durationMs: 60_000,
      faults: lostAndBack(22_000, 15_000),
    },
    { name: "drift", cadence: { ...SECONDS, placementMs: 20_000 }, durationMs: 70_000 },
    {
      name: "a rank lost, and back",
      cadence: { ...SECONDS, placementMs: 20_000 },
      durationMs: 70_000,
      faults: lostAndBack(22_000, 25_000),
    },
    {
      name: "drift",
      cadence: { sharesMs: 5000, placementMs: 60_000 },
      durationMs: 180_000,
    },
  ],
};

const POLICIES = [BALANCE_POLICIES.none, BALANCE_POLICIES.eplb, BALANCE_POLICIES.plimsoll];

/** What moved weights win and cost a pool near its load line, while they travel over the network that tokens use. */
export function movesTable({ input, seed, progress }: Bench, sizes: Sizes = SIZES): BenchTable {
  const { model } = input;
  const { topology, cases, beyond } = sizes;
  const rows: (string | number | null)[][] = [];
  const aims: Aim[] = [];
  progress("moves: what the pool carries unbalanced");
  const rate = (OFFERED * unbalanced(input, topology, seed, beyond)) / LONG_PROMPT_TOKENS;
  const load: TwinCase = { name: "long prompts", traffic: (rng) => longPrompts(rng, rate) };
  for (const { name, ...rest } of cases) {
    const every = `${rest.cadence.placementMs / 1000} s`;
    const results = POLICIES.map((policy) => {
      progress(`moves: placements every ${every}, ${name}, ${policy.title}`);
      const options = { model, topology, seed, fidelity: "analytic", policy, ...rest } as const;
      const { result } = runCase(load, options);
      const { tokensPerSecond, ttftMs, balancedness, movedSlots } = result;
      rows.push([
        every,
        name,
        policy.title,
        tokensPerSecond,
        ttftMs?.p50 ?? null,
        ttftMs?.p95 ?? null,
        balancedness,
        movedSlots,
      ]);
      return result;
    });
    aims.push(...aimsOf(`every ${every}, ${name}`, results));
  }
  return {
    title: "Moved weights, near the load line",
    columns: [
      { name: "placements" },
      { name: "run" },
      { name: "policy" },
      { name: "tokens/s" },
      { name: "TTFT p50" },
      { name: "TTFT p95" },
      { name: "balancedness", digits: 3 },
      { name: "slots moved" },
    ],
    rows,
    notes: [
      `${(rate * LONG_PROMPT_TOKENS).toFixed(0)} tokens/s of long prompts: ${OFFERED} times what the pool carries unbalanced. While weights travel, tokens have half of the links. Whole runs, the first interval with the placement of the start among them.`,
    ],
    aims,
  };
}

function unbalanced({ model }: Bench["input"], topology: Topology, seed: number, beyond: number): number {
  const options = {
    model,
    topology,
    seed,
    cadence: SECONDS,
    fidelity: "analytic",
    routing: routingSources(model, seed, null),
    traffic: (tokens: number) => longPrompts(new Rng(seed, 5), tokens / LONG_PROMPT_TOKENS),
  } as const;
  return drain(carriedUnbalanced(options, beyond), () => {});
}

/** Beside EPLB in the same run. @param results in the order of POLICIES */
function aimsOf(run: string, [, eplb, plimsoll]: readonly VirtualRunResult[]): Aim[] {
  const part = (of: (result: VirtualRunResult) => number | null | undefined) =>
    (of(plimsoll) ?? 0) / (of(eplb) ?? 0);
  return [
    { what: `tokens/s over EPLB's, ${run}`, measured: part((of) => of.tokensPerSecond), atLeast: 0.998 },
    { what: `TTFT p95 over EPLB's, ${run}`, measured: part((of) => of.ttftMs?.p95), atMost: 1 },
    { what: `slots moved over EPLB's, ${run}`, measured: part((of) => of.movedSlots), atMost: 0.5 },
  ];
}
