import { headerIndex } from "./request-headers.ts";

/**
 * Open Request Cost Aggregation: asked with this header, vLLM reports its load with an answer that is not streamed.
 * https://github.com/cncf/xds/blob/main/xds/data/orca/v3/orca_load_report.proto
 */
export const ORCA_ASKED = "endpoint-load-metrics-format";
const ORCA_REPORTED = "endpoint-load-metrics";

/** vLLM has named it both ways. */
const KV_USE = /"kv_cache_(?:usage_perc|utilization)": ?(\d+(?:\.\d+)?(?:e-\d+)?)/;

/** The KV use that an answer reports, 0 to 1; else null. */
export function orcaKvUse(headers: readonly string[]): number | null {
  const at = headerIndex(headers, ORCA_REPORTED);
  const use = at < 0 ? undefined : KV_USE.exec(headers[at + 1])?.[1];
  return use === undefined || Number(use) > 1 ? null : Number(use);
}

/** The same, for a client that did not ask: it does not get the header. */
export function takeOrcaKvUse(headers: string[]): number | null {
  const use = orcaKvUse(headers);
  const at = headerIndex(headers, ORCA_REPORTED);
  if (at >= 0) headers.splice(at, 2);
  return use;
}
