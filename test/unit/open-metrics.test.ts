import { afterEach, expect, test, vi } from "vitest";
import { Exemplars } from "../../src/telemetry/exemplars.ts";
import { openMetricsText } from "../../src/telemetry/open-metrics.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const TEXT = `# HELP a_total Number of a.
# TYPE a_total counter
a_total{pool="chat"} 3
# HELP b A gauge, with a_total in its help
# TYPE b gauge
b NaN
# HELP c_seconds Times
# TYPE c_seconds histogram
c_seconds_count{pool="chat"} 2
c_seconds_sum{pool="chat"} 1.5
c_seconds_bucket{pool="chat",le="0.5"} 1
c_seconds_bucket{pool="chat",le="+Inf"} 2
`;

afterEach(() => void vi.useRealTimers());

test("counters' families lose their ending, everything else stays, and the end is said", () => {
  expect(openMetricsText(TEXT, new Exemplars())).toBe(
    `${TEXT.replace("HELP a_total Number", "HELP a Number").replace("TYPE a_total", "TYPE a")}# EOF\n`,
  );
});

test("a bucket has the trace of the last request that it counted, by pool", () => {
  vi.useFakeTimers();
  vi.setSystemTime(1_700_000_000_250);
  const exemplars = new Exemplars();
  exemplars.keep("c_seconds", "chat", 0.5, 0.3, "f".repeat(32));
  exemplars.keep("c_seconds", "chat", 0.5, 0.4, TRACE);
  exemplars.keep("c_seconds", "chat", Number.POSITIVE_INFINITY, 1.1, TRACE);
  exemplars.keep("c_seconds", "other", 0.5, 0.3, TRACE);
  exemplars.keep("d_seconds", "chat", 0.5, 0.3, TRACE);
  const lines = openMetricsText(TEXT, exemplars).split("\n");
  expect(lines.filter((line) => line.includes(" # "))).toEqual([
    `c_seconds_bucket{pool="chat",le="0.5"} 1 # {trace_id="${TRACE}"} 0.4 1700000000.25`,
    `c_seconds_bucket{pool="chat",le="+Inf"} 2 # {trace_id="${TRACE}"} 1.1 1700000000.25`,
  ]);
});
