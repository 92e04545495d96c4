import type { FittedEngine } from "../../model/fitted-engine.ts";
import { type EngineStart, SERVER_PORT } from "../starts/engine-start.ts";
import { START_WORDS } from "../starts/start-text.ts";
import type { KubeBody } from "./document.ts";
import { planName, roleName, unitName } from "./names.ts";

/** Where the files lie that engines take options from. */
export const optionsFolder = "/etc/engine";
/** What TensorRT-LLM's server that pairs prefill and decode reads. */
export const PAIRS_FILE = "pairs.yaml";

export function optionsName(model: string): string {
  return `${planName(model)}-options`;
}

/** The files that engines take options from; null where there are none. */
export function engineOptions(
  engine: FittedEngine,
  starts: readonly EngineStart[],
  units: number,
): KubeBody | null {
  const node = { rank: "", first: "", own: "" };
  const files = starts.flatMap((start) => {
    const { options } = START_WORDS[engine](start, node);
    return options === null ? [] : [[options.file, options.text]];
  });
  if (files.length === 0) return null;
  const [{ name }] = starts;
  if (starts.length > 1) files.push([PAIRS_FILE, pairsText(name, units)]);
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: optionsName(name) },
    data: Object.fromEntries(files),
  };
}

function pairsText(model: string, units: number): string {
  const servers = (key: string, role: "prefill" | "decode") => [
    `${key}:`,
    `  num_instances: ${units}`,
    "  urls:",
    ...Array.from({ length: units }, (_, i) => `    - ${unitName(roleName(model, role), i)}:${SERVER_PORT}`),
  ];
  const lines = [
    "hostname: 0.0.0.0",
    `port: ${SERVER_PORT}`,
    ...servers("context_servers", "prefill"),
    ...servers("generation_servers", "decode"),
  ];
  return `${lines.join("\n")}\n`;
}
