import { createHash } from "node:crypto";
import { FIDELITIES } from "../../../src/model/fidelity.ts";
import type { Topology } from "../../../src/model/topology.ts";
import type { Bench } from "../bench.ts";
import type { Aim, BenchTable } from "../bench-table.ts";
import { CASES, EP32, type TwinCase, runCase } from "./cases.ts";

interface Sizes {
  readonly cases: readonly TwinCase[];
  readonly topology: Topology;
  readonly durationMs: number;
}

const SIZES: Sizes = { cases: CASES.slice(0, 1), topology: EP32, durationMs: 1500 };
const CADENCE = { sharesMs: 500, placementMs: 1000 };

/** Whether the same seed gives the same bytes, and another one others. */
export function determinismTable({ input, seed, progress }: Bench, sizes: Sizes = SIZES): BenchTable {
  const rows: (string | number)[][] = [];
  const aims: Aim[] = [];
  for (const load of sizes.cases) {
    for (const fidelity of FIDELITIES) {
      progress(`determinism: ${load.name}, ${fidelity}`);
      const hash = (of: number) => {
        const options = { ...sizes, model: input.model, fidelity, cadence: CADENCE, seed: of };
        return createHash("sha256")
          .update(JSON.stringify(runCase(load, options).result))
          .digest("hex")
          .slice(0, 16);
      };
      const [once, again, other] = [hash(seed), hash(seed), hash(seed + 1)];
      rows.push([load.name, fidelity, once, again, other]);
      const same = Number(once === again) + Number(once !== other);
      aims.push({ what: `same seed same bytes, other seed others, ${fidelity}`, measured: same, atLeast: 2 });
    }
  }
  return {
    title: "Same seed, same bytes",
    columns: [
      { name: "load" },
      { name: "fidelity" },
      { name: "once" },
      { name: "again" },
      { name: "another seed" },
    ],
    rows,
    notes: ["SHA-256 of a run's results."],
    aims,
  };
}
