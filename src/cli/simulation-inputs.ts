import { readNpy } from "../formats/npy.ts";
import { readRoutingTrace } from "../formats/routing-trace.ts";
import { readTrace } from "../formats/trace.ts";
import { InputError } from "../lib/errors.ts";
import type { ReadonlyNumbers } from "../lib/readonly-arrays.ts";
import { Rng } from "../lib/rng.ts";
import type { MoeModel } from "../model/moe-model.ts";
import type { RoutingTrace } from "../model/routing-trace.ts";
import type { TraceRequest } from "../model/traffic.ts";
import { AZURE_CONVERSATION_RATE, azureConversation } from "../twin/traffic.ts";
import { readInput } from "./output.ts";

/** The traffic of a file, or drawn without end: conversation traffic as in the Azure trace. */
export async function openTraffic(
  path: string | null,
  requestsPerSecond: number | null,
  seed: number,
): Promise<Iterable<TraceRequest>> {
  if (path !== null) return readTrace(await readInput(path), path);
  return azureConversation(new Rng(seed, 5), requestsPerSecond ?? AZURE_CONVERSATION_RATE);
}

/**
 * A routing trace that fits the model.
 * @throws InputError
 */
export async function openRouting(path: string | null, model: MoeModel): Promise<RoutingTrace | null> {
  if (path === null) return null;
  const trace = readRoutingTrace(await readInput(path), path, model.experts);
  if (trace.topk !== model.topk) {
    const hint = `has ${trace.topk} experts per token; expected ${model.topk} as ${model.name} has`;
    throw new InputError(path, "shape", hint);
  }
  return trace;
}

/**
 * The labels of a routing trace's tokens.
 * @throws InputError
 */
export async function openTenants(
  path: string | null,
  { tokens }: RoutingTrace,
): Promise<ReadonlyNumbers | null> {
  if (path === null) return null;
  const { values } = readNpy(await readInput(path), path);
  if (values.length !== tokens) {
    throw new InputError(
      path,
      "shape",
      `has ${values.length} labels; expected ${tokens}, one for each token`,
    );
  }
  return values;
}
