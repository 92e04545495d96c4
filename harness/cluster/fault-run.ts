import Table from "cli-table3";
import type { Rng } from "../../src/lib/rng.ts";
import type { Cluster } from "./cluster.ts";
import type { Fault } from "./fault.ts";
import { wellAgain } from "./well-again.ts";
import type { Served } from "./referee.ts";

/** What became of one fault. */
export interface FaultResult {
  readonly fault: string;
  readonly seconds: number;
  readonly inFlight: number;
  readonly lost: number;
  /** Of these, those whose clients had no error that says so. */
  readonly unclear: number;
  /** Requests that were lost beyond what it may cost. */
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
  const unclearBefore = traffic.unclear.slice();
  const violationsBefore = referee.violations.length;
  const leadersBefore = leaders.violations.length;
  const { inFlight } = traffic;
  const from = performance.now();
  await fault.inject(cluster, (n) => rng.below(n));
  await wellAgain(cluster);
  const lost = traffic.lost.map((count, gateway) => count - lostBefore[gateway]);
  const sum = lost.reduce((a, b) => a + b, 0);
  const unclear = traffic.unclear.reduce((all, count, gateway) => all + count - unclearBefore[gateway], 0);
  const allowed = { "one gateway's": Math.max(...lost), "answers that had begun": sum - unclear };
  return {
    fault: fault.name,
    seconds: (performance.now() - from) / 1000,
    inFlight,
    lost: sum,
    unclear,
    lostElsewhere: fault.costs === undefined ? sum : sum - allowed[fault.costs],
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
      "without an error",
      ...Array.from({ length: gateways }, (_, i) => `epochs of gateway ${i}`),
      "violations",
      "s",
    ],
    style: { head: [], border: [] },
  });
  for (const { fault, inFlight, lost, unclear, served, violations, seconds } of results)
    table.push([
      fault,
      inFlight,
      lost,
      unclear,
      ...served.map(({ lowest, highest }) => (highest === 0 ? "–" : `${lowest}–${highest}`)),
      violations.length,
      seconds.toFixed(1),
    ]);
  return table.toString();
}
