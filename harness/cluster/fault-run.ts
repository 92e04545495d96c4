import Table from "cli-table3";
import type { Rng } from "../../src/lib/rng.ts";
import type { Cluster } from "./cluster.ts";
import type { Fault } from "./fault.ts";
import { wellAgain } from "./faults.ts";
import type { Served } from "./referee.ts";

/** What became of one fault. */
export interface FaultResult {
  readonly fault: string;
  readonly seconds: number;
  readonly inFlight: number;
  readonly lost: number;
  /** Whether only requests were lost whose own gateway was killed. */
  readonly lostElsewhere: number;
  readonly served: readonly Served[];
  readonly violations: readonly string[];
}

/** Lets one thing go wrong and waits until all is well again. */
export async function runFault(cluster: Cluster, fault: Fault, rng: Rng): Promise<FaultResult> {
  const { traffic, referee, leaders } = cluster;
  await cluster.until("requests in flight", () => traffic.inFlight > 0);
  referee.forget();
  const lostBefore = traffic.lost.slice();
  const violationsBefore = referee.violations.length;
  const leadersBefore = leaders.violations.length;
  const { inFlight } = traffic;
  const from = performance.now();
  await fault.inject(cluster, (n) => rng.below(n));
  await wellAgain(cluster);
  const lost = traffic.lost.map((count, gateway) => count - lostBefore[gateway]);
  const sum = lost.reduce((a, b) => a + b, 0);
  return {
    fault: fault.name,
    seconds: (performance.now() - from) / 1000,
    inFlight,
    lost: sum,
    lostElsewhere: fault.costs === undefined ? sum : sum - Math.max(...lost),
    served: referee.served.map((served) => ({ ...served })),
    violations: [
      ...referee.violations.slice(violationsBefore),
      ...(fault.forgetsLease === true ? [] : leaders.violations.slice(leadersBefore)),
    ],
  };
}

export function faultTable(results: readonly FaultResult[]): string {
  const gateways = results[0]?.served.length ?? 0;
  const table = new Table({
    head: [
      "fault",
      "in flight",
      "lost",
      ...Array.from({ length: gateways }, (_, i) => `epochs of gateway ${i}`),
      "violations",
      "s",
    ],
    style: { head: [], border: [] },
  });
  for (const { fault, inFlight, lost, served, violations, seconds } of results)
    table.push([
      fault,
      inFlight,
      lost,
      ...served.map(({ lowest, highest }) => (highest === 0 ? "–" : `${lowest}–${highest}`)),
      violations.length,
      seconds.toFixed(1),
    ]);
  return table.toString();
}
