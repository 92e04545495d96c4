import type { Fidelity } from "../../../src/model/fidelity.ts";
import type { Topology } from "../../../src/model/topology.ts";
import type { Bench } from "../bench.ts";
import type { Aim, BenchTable } from "../bench-table.ts";
import { CASES, EP32, type TwinCase, runCase } from "./cases.ts";

/** Virtual seconds of each fidelity: what takes some processor seconds. */
interface Sizes {
  readonly cases: readonly TwinCase[];
  readonly topology: Topology;
  readonly seconds: Readonly<Record<Fidelity, number>>;
}

const SIZES: Sizes = { cases: CASES, topology: EP32, seconds: { exact: 2, sampled: 60, analytic: 300 } };
/** Minutes between placements, as in production. */
const CADENCE = { sharesMs: 5000, placementMs: 300_000 };
/** An hour in a minute. */
const CHAT_AIM = 60;
const PREFILL_AIM = 10;

/** How much faster than the time they simulate runs are, on one core. */
export function speedTable({ input, seed, progress }: Bench, sizes: Sizes = SIZES): BenchTable {
  const rows: (string | number)[][] = [];
  const aims: Aim[] = [];
  for (const load of sizes.cases) {
    for (const fidelity of ["exact", "sampled", "analytic"] as const) {
      progress(`speed: ${load.name}, ${fidelity}`);
      const { topology } = sizes;
      const durationMs = sizes.seconds[fidelity] * 1000;
      const options = { model: input.model, topology, seed, fidelity, cadence: CADENCE, durationMs };
      const { result, cpuMs } = runCase(load, options);
      const ratio = result.virtualMs / cpuMs;
      const { steps } = result;
      rows.push([load.name, fidelity, result.virtualMs / 1000, cpuMs / 1000, ratio, (1000 * cpuMs) / steps]);
      if (fidelity !== "analytic") continue;
      const atLeast = load === sizes.cases[0] ? CHAT_AIM : PREFILL_AIM;
      aims.push({ what: `virtual seconds a second, ${load.name}, ${fidelity}`, measured: ratio, atLeast });
    }
  }
  return {
    title: "How fast the twin is",
    columns: [
      { name: "load" },
      { name: "fidelity" },
      { name: "virtual s", digits: 1 },
      { name: "CPU s", digits: 1 },
      { name: "virtual/CPU", digits: 1 },
      { name: "µs a step" },
    ],
    rows,
    notes: [
      "DeepSeek-V3 on 32 GPUs, balanced by Plimsoll: shares every 5 s, placements every 5 minutes or when the load changes.",
      "CPU: user and system time of the process, planning included; making the synthetic routing's rows is left out.",
    ],
    aims,
  };
}
