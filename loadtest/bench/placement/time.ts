import { adaptPlacement } from "../../../src/core/placement/adapt-placement.ts";
import { HOP_WEIGHT } from "../../../src/core/placement/coactivation.ts";
import { Rng } from "../../../src/lib/rng.ts";
import { certify } from "../../../src/core/placement/certificate.ts";
import { evenShares } from "../../../src/core/shares/even-shares.ts";
import { gpuLoads } from "../../../src/core/shares/gpu-loads.ts";
import { solveShares } from "../../../src/core/shares/solve-shares.ts";
import type { ExpertLoad } from "../../../src/model/load.ts";
import { indexReplicas } from "../../../src/model/placement.ts";
import { fullCapacity } from "../../../src/model/pool-capacity.ts";
import type { Topology } from "../../../src/model/topology.ts";
import type { Bench } from "../bench.ts";
import type { BenchTable } from "../bench-table.ts";
import { scattered } from "./drift-cases.ts";
import { interleavedTimes } from "../interleaved-times.ts";
import { eplbGlobal, plimsoll, pool, type Routed } from "../pools.ts";
import { range, traceOf } from "../routed-tokens.ts";

const PLAN_AIM = 25;
const SHARES_AIM = 3;
const EP320_AIM = 80;
/** How far the loads of two rounds differ, and how far the load is from that of the placement in force: lognormal σ. */
const VARIATION = 0.1;
const DRIFT = 0.3;

interface Sizes {
  readonly warmUp: number;
  readonly rounds: number;
  /** Tokens that co-activation is read from: what the control loop keeps. */
  readonly traced: number;
}

const SIZES: Sizes = { warmUp: 3, rounds: 15, traced: 2048 };

/** How long planning takes, warm, on one core. */
export function timeTable(
  { input, seed, progress }: Bench,
  { warmUp, rounds, traced }: Sizes = SIZES,
): BenchTable {
  const { loads, stream, groups } = input;
  const rng = new Rng(seed, 6);
  // Every round has a load of its own: nothing is answered from a cache.
  const count = warmUp + rounds;
  const varied = Array.from({ length: count }, (_, i) => scattered(loads[i % loads.length], VARIATION, rng));
  const drifted = Array.from({ length: count }, () => scattered(loads[0], DRIFT, rng));
  const [ep32, ep64, ep128] = [pool(288, 32), pool(320, 64), pool(384, 128)];
  const ep320 = pool(320, 320);
  const ep32InNodes = pool(288, 32, 4);
  const routed = {
    trace: traceOf(stream, range(0, traced)),
    groups,
    hopWeight: HOP_WEIGHT,
  };
  const inForce = plimsoll(loads[0], ep32);
  const replicas = indexReplicas(inForce);
  progress(`time: ${warmUp + rounds} rounds`);
  const times = interleavedTimes(
    {
      "EPLB, even shares, 288/32": (round) => eplbPlan(varied[round], ep32),
      "full plan, 288/32": (round) => plan(varied[round], ep32),
      "EPLB, even shares, 320/64": (round) => eplbPlan(varied[round], ep64),
      "full plan, 320/64": (round) => plan(varied[round], ep64),
      "EPLB, even shares, 384/128": (round) => eplbPlan(varied[round], ep128),
      "full plan, 384/128": (round) => plan(varied[round], ep128),
      "EPLB, even shares, 320/320": (round) => eplbPlan(varied[round], ep320),
      "full plan, 320/320": (round) => plan(varied[round], ep320),
      "full plan with co-activation, 288/32/4": (round) => plan(varied[round], ep32InNodes, routed),
      "few moves from the placement in force, 288/32": (round) =>
        adaptPlacement(inForce, drifted[round], fullCapacity(inForce.topology)),
      "all shares anew, 288/32": (round) => solveShares(inForce, replicas, drifted[round]),
    },
    warmUp,
    rounds,
  );
  const limits: readonly (readonly [keyof typeof times, number])[] = [
    ["full plan, 288/32", PLAN_AIM],
    ["all shares anew, 288/32", SHARES_AIM],
    ["full plan, 320/320", EP320_AIM],
  ];
  return {
    title: `Time, warm, one core: ${loads[0].layers} layers × ${loads[0].experts} experts`,
    columns: [{ name: "what" }, { name: "median, ms", digits: 2 }, { name: "least, ms", digits: 2 }],
    rows: Object.entries(times).map(([name, time]) => [name, time.medianMs, time.leastMs]),
    notes: [
      `${rounds} rounds, all ways in turn in each. A full plan is placement, shares and certificate. ` +
        `The placement in force was made for a load that has drifted since (lognormal σ ${DRIFT}).`,
    ],
    aims: limits.map(([name, atMost]) => ({ what: `${name}, ms`, measured: times[name].medianMs, atMost })),
  };
}

function plan(load: ExpertLoad, topology: Topology, routed: Routed | null = null): void {
  const placement = plimsoll(load, topology, routed);
  const { values } = solveShares(placement, indexReplicas(placement), load);
  certify(load, fullCapacity(topology), gpuLoads(placement, values, load));
}

function eplbPlan(load: ExpertLoad, topology: Topology): void {
  const placement = eplbGlobal(load, topology);
  evenShares(placement, indexReplicas(placement));
}
