import { InputError } from "../lib/errors.ts";
import type { ReadonlyNumbers } from "../lib/readonly-arrays.ts";
import type { MoeModel } from "../model/moe-model.ts";
import type { RoutingTrace } from "../model/routing-trace.ts";
import { type NpyArray, readNpy } from "./npy.ts";
import { type NumberKind, bytesPerNumber, decodeNumbers } from "./numbers.ts";

const FIELD = "routed_experts";
const NPY_MAGIC = 0x93;
/** Tokens, layers, choices. */
const AXES = 3;
/** As SGLang has written them, the widest first: narrower ids read as wider ones come out far too large. */
const KINDS: readonly NumberKind[] = ["i4", "u2", "u1"];

/**
 * The experts that tokens were routed to, as engines return them in base64: raw `[tokens][layers][topk]` from SGLang
 * (int32; some versions uint16 or uint8), a `.npy` file of that shape from vLLM. Layers are all of the model's, as both
 * capture them, or its MoE layers alone (`capturedLayers`). Raw ids do not say of which they are: those of layers that
 * route nothing stay as they were in the engine's empty buffer, one number throughout.
 * @param whole false for the beginning of something longer: the tokens that are all there count
 * @throws InputError for anything else
 */
export function readRoutedExperts(bytes: Uint8Array, whole: boolean, model: MoeModel): RoutingTrace {
  if (bytes[0] === NPY_MAGIC) return fromNpy(readNpy(bytes, FIELD), model);
  let likely: Captured | null = null;
  for (const layers of capturedLayers(model)) {
    for (const kind of KINDS) {
      const tokenBytes = layers.length * model.topk * bytesPerNumber(kind);
      const tokens = Math.floor(bytes.length / tokenBytes);
      if (tokens === 0 || (whole && tokens * tokenBytes !== bytes.length)) continue;
      const values = decodeNumbers(kind, bytes.subarray(0, tokens * tokenBytes), FIELD, "data");
      if (!areExperts(values, model)) continue;
      const captured = { values, tokens, layers };
      if (othersAreEmpty(captured, model)) return traceOf(captured, model);
      likely ??= captured;
    }
  }
  if (likely !== null) return traceOf(likely, model);
  throw new InputError(
    FIELD,
    "",
    `has ${bytes.length} bytes that are no experts of ${model.name}; expected them by token, layer and choice`,
  );
}

/**
 * The same as nested lists `[tokens][layers][topk]`, from vLLM 0.21.
 * @throws InputError for anything else
 */
export function readRoutedExpertLists(lists: unknown, model: MoeModel): RoutingTrace {
  const shape: number[] = [];
  for (let level = lists; Array.isArray(level) && shape.length <= AXES; level = level[0]) {
    shape.push(level.length);
  }
  const values = Array.isArray(lists) ? (lists.flat(2) as number[]) : [];
  if (!values.every(Number.isInteger)) throw foreignShape(shape, model);
  return fromNpy({ dtype: "<i4", shape, values: Float64Array.from(values) }, model);
}

function fromNpy({ shape, values }: NpyArray, model: MoeModel): RoutingTrace {
  const [tokens, count, topk] = shape;
  const layers = capturedLayers(model).find(({ length }) => length === count);
  if (
    shape.length !== AXES ||
    layers === undefined ||
    topk !== model.topk ||
    values.length !== tokens * count * topk
  )
    throw foreignShape(shape, model);
  if (!areExperts(values, model))
    throw new InputError(
      FIELD,
      "",
      `names an expert that ${model.name} does not have; expected ids below ${model.experts}`,
    );
  return traceOf({ values, tokens, layers }, model);
}

/** `[tokens][layers][topk]` */
interface Captured {
  readonly values: ReadonlyNumbers;
  readonly tokens: number;
  /** Their numbers in the model. */
  readonly layers: readonly number[];
}

/**
 * The layers that an answer may be of, the likeliest first, each number of them once: those of the model, with those
 * for multi-token prediction or without; those of them that route.
 */
function capturedLayers({ layers, mtpLayers, moeLayers }: MoeModel): readonly (readonly number[])[] {
  const all = Array.from({ length: layers + mtpLayers }, (_, layer) => layer);
  const lists = [all.slice(0, layers), all, moeLayers.filter((layer) => layer < layers), moeLayers];
  return lists.filter((list, i) => lists.findIndex(({ length }) => length === list.length) === i);
}

/** Whether all are experts of the model, or −1 for none. */
function areExperts(values: ReadonlyNumbers, { experts }: MoeModel): boolean {
  for (let i = 0; i < values.length; i++) if (!(values[i] >= -1 && values[i] < experts)) return false;
  return true;
}

/** Whether layers that route nothing have one and the same number everywhere. */
function othersAreEmpty({ values, tokens, layers }: Captured, { topk, moeLayers }: MoeModel): boolean {
  const routing = new Set(moeLayers);
  const others = [...layers.keys()].filter((row) => !routing.has(layers[row]));
  if (others.length === 0) return true;
  const empty = values[others[0] * topk];
  for (let token = 0; token < tokens; token++) {
    for (const row of others) {
      const from = (token * layers.length + row) * topk;
      for (let choice = 0; choice < topk; choice++) if (values[from + choice] !== empty) return false;
    }
  }
  return true;
}

/** The MoE layers of what was captured, in the model's order; −1 for those that were not. */
function traceOf({ values, tokens, layers }: Captured, { topk, moeLayers }: MoeModel): RoutingTrace {
  const rows = moeLayers.map((layer) => layers.indexOf(layer));
  const experts = new Int16Array(tokens * rows.length * topk).fill(-1);
  for (let token = 0; token < tokens; token++) {
    for (const [to, row] of rows.entries()) {
      if (row < 0) continue;
      const from = (token * layers.length + row) * topk;
      const at = (token * rows.length + to) * topk;
      for (let choice = 0; choice < topk; choice++) experts[at + choice] = values[from + choice];
    }
  }
  return { tokens, layers: rows.length, topk, experts };
}

function foreignShape(shape: readonly number[], { name, layers, topk }: MoeModel): InputError {
  return new InputError(
    FIELD,
    "",
    `has the shape [${shape.join(", ")}]; expected [tokens, ${layers}, ${topk}] of ${name}`,
  );
}
