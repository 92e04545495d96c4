import { readFileSync } from "node:fs";
import { orcaKvUse } from "../../../src/engines/http/orca.ts";
import { readLoads, readOldLoads } from "../../../src/engines/sglang/loads.ts";
import { readEndpointSlice } from "../../../src/discovery/kubernetes/endpoint-slices.ts";
import { jsonLines } from "../../../src/discovery/kubernetes/json-lines.ts";
import { InputError } from "../../../src/lib/errors.ts";
import { metricSamples } from "../../../src/formats/prometheus-text.ts";
import type { FuzzedParser } from "../parser.ts";
import { parsedOrNothing } from "./json.ts";
import { pieces } from "./pieces.ts";

const RECORDED = new URL("../../fakes/recorded/", import.meta.url);

const recorded = (name: string) => readFileSync(new URL(name, RECORDED)).subarray(0, 4096);
const text = (whole: string) => Buffer.from(whole);

const SLICE =
  '{"metadata":{"name":"a","resourceVersion":"7"},"addressType":"IPv4","ports":[{"name":"http","port":8000,"protocol":"TCP"}],"endpoints":[{"addresses":["10.0.0.1"],"conditions":{"ready":true,"serving":true,"terminating":false},"targetRef":{"kind":"Pod","name":"p","uid":"u"}}]}';

/** What engines and a cluster's API say of themselves. */
export const ANSWER_PARSERS: readonly FuzzedParser[] = [
  {
    name: "prometheus-text",
    files: [text('# TYPE a gauge\na{b="c",d="\\n"} 1.5e3 12\na NaN\n'), recorded("vllm-0.10-metrics.txt")],
    tokens: ["+Inf", "-Inf", "NaN", "# HELP", 'le="'],
    read: (bytes) => metricSamples(bytes.toString("latin1"), new Set(["a", "vllm:num_requests_running"])),
  },
  {
    name: "sglang-loads",
    files: [recorded("sglang-0.5.23-loads.json"), recorded("sglang-get_load.json")],
    tokens: ['"loads":', '"dp_rank":', '"num_running_reqs":'],
    read: (bytes) => [readLoads(bytes.toString()), readOldLoads(bytes.toString())],
  },
  {
    name: "orca-header",
    files: [text('JSON {"named_metrics":{"kv_cache_usage_perc": 0.5e-2}}')],
    tokens: ['"kv_cache_utilization": '],
    read: (bytes) => orcaKvUse(["endpoint-load-metrics", bytes.toString("latin1")]),
  },
  {
    name: "endpoint-slice",
    files: [text(SLICE)],
    tokens: ["IPv6", "FQDN", "::1"],
    read: (bytes) => readEndpointSlice(parsedOrNothing(bytes)),
  },
  {
    name: "watch-lines",
    files: [text(`{"type":"ADDED","object":${SLICE}}\n{"type":"BOOKMARK","object":{}}\n`)],
    tokens: ["\n"],
    read: watched,
  },
];

/** Of a line that is no JSON its reader says nothing but that. @throws InputError */
async function watched(bytes: Buffer): Promise<readonly unknown[]> {
  const lines: unknown[] = [];
  try {
    for await (const line of jsonLines(arriving(pieces(bytes)))) lines.push(line);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new InputError("body", "", "makes no sense; expected a watch of Kubernetes");
  }
  return lines;
}

async function* arriving(parts: readonly Buffer[]): AsyncGenerator<Buffer, void> {
  yield* parts;
}
