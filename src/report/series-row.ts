import type { WindowPoint } from "../twin/run/run-log.ts";
import { knownNumber } from "./known-number.ts";

/** Columns of `series.csv`, and what stands in them; a digit more than anyone reads, so that bytes stay few. */
const COLUMNS: readonly (readonly [name: string, value: (point: WindowPoint) => number | null])[] = [
  ["at_ms", ({ atMs }) => atMs],
  ["span_ms", ({ spanMs }) => spanMs],
  ["steps", ({ steps }) => steps],
  ["tokens", ({ tokens }) => tokens],
  ["mean_step_ms", ({ meanStepMs }) => meanStepMs],
  ["balancedness", ({ balancedness }) => balancedness],
  ["hops_per_token", ({ hopsPerToken }) => hopsPerToken],
  ["node_hops_per_token", ({ nodeHopsPerToken }) => nodeHopsPerToken],
  ["running", ({ running }) => running],
  ["waiting", ({ waiting }) => waiting],
  ["kv_use", ({ kvUse }) => kvUse],
  ["kv_use_most", ({ kvUseMost }) => kvUseMost],
  ["epoch", ({ epoch }) => epoch],
  ["lost_ranks", ({ lostRanks }) => lostRanks],
  ["missing_experts", ({ missingExperts }) => missingExperts],
];

export const SERIES_HEADER = ["policy", "pool", ...COLUMNS.map(([name]) => name)].join(",");

/** One line of `series.csv`; what is not known is empty. */
export function seriesRow(policy: string, point: WindowPoint): string {
  const cells = COLUMNS.map(([, value]) => numberText(value(point)));
  return [policy, quoted(point.pool), ...cells].join(",");
}

function numberText(value: number | null): string {
  const known = knownNumber(value);
  return known === null ? "" : String(Math.round(known * 1e4) / 1e4);
}

/** A name as a field of CSV: in quotes where it would be read as more than one. */
function quoted(name: string): string {
  return /[",\r\n]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name;
}
