import { BALANCE_POLICIES, type BalancePolicy } from "../../../src/core/planning/balance-policy.ts";
import type { Topology } from "../../../src/model/topology.ts";
import type { VirtualRunResult } from "../../../src/twin/run/virtual-run.ts";
import type { Bench } from "../bench.ts";
import type { BenchTable } from "../bench-table.ts";
import { CASES, EP32, type TwinCase, runCase } from "./cases.ts";

interface Sizes {
  readonly cases: readonly TwinCase[];
  readonly topology: Topology;
  readonly durationMs: number;
  readonly cadence: { readonly sharesMs: number; readonly placementMs: number };
}

const SIZES: Sizes = {
  cases: CASES.slice(1),
  topology: EP32,
  durationMs: 1500,
  cadence: { sharesMs: 250, placementMs: 500 },
};

const MEASURES: readonly (readonly [string, (of: VirtualRunResult) => number | null | undefined])[] = [
  ["balancedness", (of) => of.balancedness],
  ["mean step", (of) => of.virtualMs / of.steps],
  ["TTFT p50", (of) => of.ttftMs?.p50],
  ["TTFT p95", (of) => of.ttftMs?.p95],
  ["ITL p50", (of) => of.itlMs?.p50],
  ["TPOT p50", (of) => of.tpotMs?.p50],
  ["node hops", (of) => of.nodeHopsPerToken],
];

/** What sampled and analytic runs say beside exact ones of the same traffic, in per cent. */
export function errorsTable({ input, seed, progress }: Bench, sizes: Sizes = SIZES): BenchTable {
  const rows: (string | number | null)[][] = [];
  const errors = {
    sampled: MEASURES.map(() => [] as number[]),
    analytic: MEASURES.map(() => [] as number[]),
  };
  for (const load of sizes.cases) {
    for (const [policy, of] of variants(seed)) {
      progress(`errors: ${load.name}, ${policy.name}, seed ${of}`);
      const options = { ...sizes, model: input.model, seed: of, policy };
      const exact = runCase(load, { ...options, fidelity: "exact" }).result;
      for (const fidelity of ["sampled", "analytic"] as const) {
        const { result } = runCase(load, { ...options, fidelity });
        const off = MEASURES.map(([name, measure]) =>
          load.atOnce === true && name.startsWith("TTFT") ? null : error(measure(result), measure(exact)),
        );
        for (const [i, value] of off.entries()) if (value !== null) errors[fidelity][i].push(Math.abs(value));
        rows.push([load.name, policy.name, of, fidelity, ...off]);
      }
    }
  }
  for (const fidelity of ["sampled", "analytic"] as const) {
    rows.push(["median of all, either way", "", "", fidelity, ...errors[fidelity].map(median)]);
    rows.push([
      "most of all, either way",
      "",
      "",
      fidelity,
      ...errors[fidelity].map((all) => Math.max(...all)),
    ]);
  }
  return {
    title: "Sampled and analytic beside exact: differences in %",
    columns: [
      { name: "load" },
      { name: "policy" },
      { name: "seed" },
      { name: "fidelity" },
      ...MEASURES.map(([name]) => ({ name, digits: 1 })),
    ],
    rows,
    notes: [
      "Where all requests come at once their first token is that of one step, and says nothing.",
      `${sizes.durationMs / 1000} virtual seconds of arrivals; placements every half a second, so that plans made of other samples count too.`,
    ],
    aims: [],
  };
}

/** Every way of balancing, under two seeds each. */
function variants(seed: number): (readonly [BalancePolicy, number])[] {
  return Object.values(BALANCE_POLICIES).flatMap((policy) =>
    [seed, seed + 1].map((of) => [policy, of] as const),
  );
}

function error(is: number | null | undefined, should: number | null | undefined): number | null {
  return is && should ? 100 * (is / should - 1) : null;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
