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
 * capture them, or its MoE layers alone.
 * @param whole false for the beginning of something longer: the tokens that are all there count
 * @throws InputError for anything else
 */
export function readRoutedExperts(bytes: Uint8Array, whole: boolean, model: MoeModel): RoutingTrace {
  if (bytes[0] === NPY_MAGIC) return fromNpy(readNpy(bytes, FIELD), model);
  for (const layers of [model.layers, model.moeLayers.length]) {
    for (const kind of KINDS) {
      const tokenBytes = layers * model.topk * bytesPerNumber(kind);
      const tokens = Math.floor(bytes.length / tokenBytes);
      if (tokens === 0 || (whole && tokens * tokenBytes !== bytes.length)) continue;
      const values = decodeNumbers(kind, bytes.subarray(0, tokens * tokenBytes), FIELD, "data");
      if (areExperts(values, model)) return traceOf(values, tokens, layers, model);
    }
  }
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
  const [tokens, layers, topk] = shape;
  const known = layers === model.layers || layers === model.moeLayers.length;
  if (shape.length !== AXES || !known || topk !== model.topk || values.length !== tokens * layers * topk)
    throw foreignShape(shape, model);
  if (!areExperts(values, model))
    throw new InputError(
      FIELD,
      "",
      `names an expert that ${model.name} does not have; expected ids below ${model.experts}`,
    );
  return traceOf(values, tokens, layers, model);
}

/** Whether all are experts of the model, or −1 for none. */
function areExperts(values: ReadonlyNumbers, { experts }: MoeModel): boolean {
  for (let i = 0; i < values.length; i++) if (!(values[i] >= -1 && values[i] < experts)) return false;
  return true;
}

/** Layers that route nothing are left out. */
function traceOf(values: ReadonlyNumbers, tokens: number, layers: number, model: MoeModel): RoutingTrace {
  const { topk, moeLayers } = model;
  const kept = moeLayers.length;
  const experts = new Int16Array(tokens * kept * topk);
  for (let token = 0, to = 0; token < tokens; token++) {
    for (let row = 0; row < kept; row++) {
      const layer = layers === kept ? row : moeLayers[row];
      const from = (token * layers + layer) * topk;
      for (let choice = 0; choice < topk; choice++) {
        experts[to++] = layer < layers ? values[from + choice] : -1;
      }
    }
  }
  return { tokens, layers: kept, topk, experts };
}

function foreignShape(shape: readonly number[], { name, layers, topk }: MoeModel): InputError {
  return new InputError(
    FIELD,
    "",
    `has the shape [${shape.join(", ")}]; expected [tokens, ${layers}, ${topk}] of ${name}`,
  );
}
