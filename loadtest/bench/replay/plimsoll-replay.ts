import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readReport, readReports } from "./json-report.ts";
import type { LoadTool } from "./load-tool.ts";

const MAIN = fileURLToPath(new URL("../../../src/main.ts", import.meta.url));

export const REPLAY = "replay";

export const plimsollReplay: LoadTool = {
  name: REPLAY,
  about: `replay, Node ${process.version}: default settings, one process`,
  percentiles: "nearest rank",
  command: ({ trace, url, folder }) => ({
    file: process.execPath,
    args: [MAIN, "replay", "--trace", trace, "--url", url, "--model", "mock", "--out", join(folder, "run")],
    environment: {},
  }),
  read: async (folder) => {
    const report = await readReport(join(folder, "run/report.json"));
    const requests = await readReports(join(folder, "run/requests.jsonl"));
    return {
      figures: {
        "TTFT p50": report.number("p50_ttft_from_send_ms"),
        "TTFT p95": report.number("p95_ttft_from_send_ms"),
        "TTFT p99": report.number("p99_ttft_from_send_ms"),
        "TTFT from the schedule p50": report.number("p50_ttft_ms"),
        "TTFT from the schedule p95": report.number("p95_ttft_ms"),
        "TTFT from the schedule p99": report.number("p99_ttft_ms"),
        "ITL p50": report.number("p50_itl_ms"),
        "ITL p99": report.number("p99_itl_ms"),
        "TPOT p50": report.number("p50_tpot_ms"),
        "TPOT p99": report.number("p99_tpot_ms"),
        "requests/s": report.number("request_throughput"),
        "tokens/s": report.number("output_throughput"),
      },
      completed: report.number("completed"),
      failed: report.number("failed"),
      doubts: report.texts("client", "why"),
      seen: requests
        .filter((request) => !request.has("error"))
        .map((request) => ({
          requestId: request.text("request_id"),
          ttftMs: request.number("ttft_from_send_ms"),
          gapsMs: request.numbers("itl_ms"),
        })),
    };
  },
};
