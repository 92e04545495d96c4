import type { Aim, BenchTable } from "../bench-table.ts";
import { median } from "../median.ts";
import type { RoutingFigures } from "./figures.ts";
import { ORACLE } from "./routing-bench.ts";

const COLUMNS = [
  { name: "router" },
  { name: "TTFT mean, ms" },
  { name: "p90" },
  { name: "p99" },
  { name: "mean / oracle's", digits: 2 },
  { name: "whole answers, mean, ms" },
  { name: "cached, %" },
  { name: "on the fullest engine, %" },
  { name: "failed" },
];
/** How much longer than the oracle's the mean first token may take. */
const AIM = 1.15;

/** Whose rows are judged, and beside whom. */
export interface Judged {
  readonly router: string;
  /** Another policy of ours, which it must not be behind; null for none. */
  readonly floor: string | null;
  readonly peers: readonly string[];
}

/** A table for each case: medians over the repeats. */
export function routingTable(
  name: string,
  figures: ReadonlyMap<string, readonly RoutingFigures[]>,
  { router, floor, peers }: Judged,
): BenchTable {
  const medians = new Map([...figures].map(([who, runs]) => [who, medianOf(runs)]));
  const oracle = medians.get(ORACLE);
  const own = medians.get(router);
  const ratio = (one: RoutingFigures) => (oracle === undefined ? null : one.meanMs / oracle.meanMs);
  const rows = [...medians].map(([who, one]) => [
    who,
    one.meanMs,
    one.p90Ms,
    one.p99Ms,
    ratio(one),
    one.wholeMs,
    100 * one.cached,
    (100 * one.fullest) / one.requests,
    one.failed,
  ]);
  const aims: Aim[] = [];
  if (own !== undefined && oracle !== undefined)
    aims.push({
      what: `${name}: mean, over the oracle's`,
      measured: own.meanMs / oracle.meanMs,
      atMost: AIM,
    });
  const rivals = [...medians].filter(([who]) => who === floor || peers.includes(who)).map(([, one]) => one);
  if (own !== undefined && rivals.length > 0) {
    for (const [what, key] of [
      ["mean", "meanMs"],
      ["p90", "p90Ms"],
      ["p99", "p99Ms"],
    ] as const) {
      const best = Math.min(...rivals.map((one) => one[key]));
      aims.push({
        what: `${name}: ${what}, over the best other router's`,
        measured: own[key] / best,
        atMost: 1,
      });
    }
  }
  return { title: name, columns: COLUMNS, rows, notes: [], aims };
}

function medianOf(runs: readonly RoutingFigures[]): RoutingFigures {
  const of = (key: keyof RoutingFigures) => median(runs.map((run) => run[key])) ?? Number.NaN;
  return {
    meanMs: of("meanMs"),
    p90Ms: of("p90Ms"),
    p99Ms: of("p99Ms"),
    wholeMs: of("wholeMs"),
    cached: of("cached"),
    fullest: of("fullest"),
    requests: of("requests"),
    failed: of("failed"),
  };
}
