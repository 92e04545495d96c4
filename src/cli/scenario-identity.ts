import { basename } from "node:path";
import type { Scenario } from "../config/scenario.ts";
import { decimals } from "../lib/number-text.ts";
import { type Topology, sayGpus } from "../model/topology.ts";

/** What was run, for the head of a report: pairs of a word and a text. */
export function scenarioIdentity(path: string, scenario: Scenario): (readonly [string, string])[] {
  const { model, topology, decode, trace, requestsPerSecond, durationMs, fidelity, seed } = scenario;
  const rate = requestsPerSecond === null ? "" : `, ${decimals(requestsPerSecond, 2)} requests/s`;
  return [
    ["Scenario", basename(path)],
    ["Model", model.name],
    [decode === null ? "GPUs" : "GPUs of prompts", gpusText(topology)],
    ...(decode === null ? [] : [["GPUs that decode", gpusText(decode.topology)] as const]),
    ["Traffic", trace === null ? `conversation, drawn${rate}` : basename(trace)],
    ["Requests arrive for", `${decimals(durationMs / 1000, 0)} s`],
    ["Forward passes", fidelity],
    ["Seed", String(seed)],
  ];
}

function gpusText(topology: Topology): string {
  return `${sayGpus(topology)}, ${topology.slotsPerGpu} slots each`;
}
