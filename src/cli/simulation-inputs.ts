import { readExpanded } from "../files/file-chunks.ts";
import { readNpy } from "../formats/npy.ts";
import { readTraceRows } from "../formats/routing-trace.ts";
import type { TraceRows } from "../model/routing-trace.ts";
import { MOST_TRACE_BYTES, readTrace } from "../formats/trace.ts";
import { InputError } from "../lib/errors.ts";
import type { ReadonlyNumbers } from "../lib/readonly-arrays.ts";
import { Rng } from "../lib/rng.ts";
import { consecutive } from "../model/layer-numbers.ts";
import type { MoeModel } from "../model/moe-model.ts";
import type { RoutingTrace } from "../model/routing-trace.ts";
import type { TraceRequest } from "../model/traffic.ts";
import { loadTrace } from "../twin/load-trace.ts";
import { AZURE_CONVERSATION_RATE, azureConversation } from "../twin/traffic.ts";
import { readModelLoad } from "./load-file.ts";
import { type Output, readInput } from "./output.ts";
import { alignedRows, sayAligned } from "./routing-file.ts";

/** The traffic of a file, or drawn without end: conversation traffic as in the Azure trace. The same at every call. */
export async function openTraffic(
  path: string | null,
  requestsPerSecond: number | null,
  seed: number,
): Promise<() => Iterable<TraceRequest>> {
  if (path !== null) {
    const requests = readTrace(await readExpanded(path, MOST_TRACE_BYTES, "give a part of it"), path);
    return () => requests;
  }
  return () => azureConversation(new Rng(seed, 5), requestsPerSecond ?? AZURE_CONVERSATION_RATE);
}

/**
 * A routing trace that fits the model: of its layers that route to experts, or of all its layers. One of fewer layers
 * stands for the model's in turn (twin/trace-routing.ts).
 * @throws InputError
 */
export async function openRouting(
  path: string | null,
  model: MoeModel,
  say: Output,
): Promise<RoutingTrace | null> {
  if (path === null) return null;
  const { trace } = await readRows(path, model, say);
  if (trace.topk !== model.topk) {
    const hint = `has ${trace.topk} experts per token; expected ${model.topk} as ${model.name} has`;
    throw new InputError(path, "shape", hint);
  }
  return trace;
}

/**
 * Where tokens take their experts from: a routing trace, or one made of a file of expert loads; null where they are drawn.
 * @throws InputError
 */
export async function openExperts(
  { routing, load }: { readonly routing: string | null; readonly load: string | null },
  model: MoeModel,
  seed: number,
  say: Output,
): Promise<RoutingTrace | null> {
  if (load === null) return openRouting(routing, model, say);
  return loadTrace(model, await readModelLoad(load, model, say), seed);
}

async function readRows(path: string, model: MoeModel, say: Output): Promise<TraceRows> {
  const layers = model.moeLayers;
  const fit = { count: layers.length, layers, model, source: model.name };
  const bytes = await readInput(path);
  const read = readTraceRows(bytes, path, model.experts, (depth) =>
    depth < layers.length ? consecutive(0, depth) : alignedRows(depth, fit, path),
  );
  const { rows, depth } = read;
  if (depth < layers.length)
    say.progress(`${path}: its ${depth} layers stand for the ${layers.length} of ${model.name}, in turn`);
  else sayAligned(rows, depth, path, say);
  return read;
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
