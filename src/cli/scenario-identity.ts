import { basename } from "node:path";
import type { Scenario } from "../config/scenario.ts";
import { decimals } from "../lib/number-text.ts";
import { ENGINE_NAMES } from "../model/fitted-engine.ts";
import type { Topology } from "../model/topology.ts";
import { modelledHardware } from "../twin/calibration/gpu-hardware.ts";
import { sayPool } from "./pool-text.ts";

type Pair = readonly [word: string, text: string];

/** What was run, for the head of a report: pairs of a word and a text. */
export function scenarioIdentity(path: string, scenario: Scenario): Pair[] {
  const { model, topology, decode, trace, requestsPerSecond, durationMs, fidelity, seed } = scenario;
  const rate = requestsPerSecond === null ? "" : `, ${decimals(requestsPerSecond, 2)} requests/s`;
  return [
    ["Scenario", basename(path)],
    ["Model", `${model.name}, experts in ${model.precision.experts}`],
    [decode === null ? "GPUs" : "GPUs of prompts", gpusText(topology, scenario)],
    ...(decode === null ? [] : [["GPUs that decode", gpusText(decode.topology, scenario)] as const]),
    ["Type of GPU", gpuText(scenario)],
    ["Traffic", trace === null ? `conversation, drawn${rate}` : basename(trace)],
    ["Requests arrive for", `${decimals(durationMs / 1000, durationMs % 1000 === 0 ? 0 : 2)} s`],
    ...chosen(scenario),
    ["Forward passes", fidelity],
    ["Seed", String(seed)],
  ];
}

/** What a scenario need not say. */
function chosen({
  routing,
  load,
  skew,
  batching: { engine },
  dispatch,
  speculation,
  admission,
  faults,
}: Scenario): Pair[] {
  const pairs: [word: string, text: string | null][] = [
    ["Experts of tokens", expertsText({ routing, load, skew })],
    ["Engine", engine],
    ["Dispatch", dispatch],
    [
      "Drafts",
      speculation === null
        ? null
        : `${speculation.draftTokens} tokens, each right with ${sayPercent(speculation.acceptance)}`,
    ],
    ["In flight at most", admission === null ? null : decimals(admission.maxInFlight, 0)],
    ["Faults", faults.length === 0 ? null : decimals(faults.length, 0)],
  ];
  return pairs.flatMap(([word, text]) => (text === null ? [] : [[word, text] as const]));
}

function gpuText({ model, gpu }: Scenario): string {
  const name = modelledHardware(model, gpu).name.toUpperCase();
  const engine = gpu?.engine ?? null;
  return engine === null ? name : `${name}, as ${ENGINE_NAMES[engine]} uses it`;
}

function expertsText({ routing, load, skew }: Pick<Scenario, "routing" | "load" | "skew">): string | null {
  if (routing !== null) return basename(routing);
  if (load !== null) return `as often as ${basename(load)} has them`;
  return skew === null ? null : `drawn, skew ${skew}`;
}

function sayPercent(part: number): string {
  return `${decimals(part * 100, 0)} %`;
}

function gpusText(topology: Topology, { shape }: Scenario): string {
  const each = shape.moeTp === 1 ? "each" : `on every ${shape.moeTp}`;
  return `${sayPool(topology, shape)}, ${topology.slotsPerGpu} slots ${each}`;
}
