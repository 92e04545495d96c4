import { InputError } from "../lib/errors.ts";
import type { ReadonlyNumbers } from "../lib/readonly-arrays.ts";
import { type ExpertLoad, emptyLoad } from "../model/load.ts";
import { AMOUNT, readNumber } from "./json.ts";
import { readNpy } from "./npy.ts";
import { readSafetensors } from "./safetensors.ts";

/** What an array is called that is the load among others: SGLang's word. */
const LOGICAL_COUNT = "logical_count";

/** Reads a load as one `.npy` array `[layers, experts]`, or `[steps, layers, experts]`, summed. @throws InputError */
export function readNpyLoad(bytes: Uint8Array, source: string): ExpertLoad {
  const { shape, values } = readNpy(bytes, source);
  return loadOfArray(shape, values, source, "array");
}

/** Reads the same from a safetensors file: its only array, or the one called `logical_count`. @throws InputError */
export function readSafetensorsLoad(bytes: Uint8Array, source: string): ExpertLoad {
  const arrays = readSafetensors(bytes, source);
  const [[name, array] = [LOGICAL_COUNT, undefined]] =
    arrays.size === 1 ? arrays : [[LOGICAL_COUNT, arrays.get(LOGICAL_COUNT)] as const];
  if (arrays.keys().some((key) => /^\d+_\d+$/.test(key))) {
    const hint =
      "holds TensorRT-LLM's statistics of a rank; convert their folder with --from tensorrt-llm-statistics";
    throw new InputError(source, "", hint);
  }
  if (array !== undefined) return loadOfArray(array.shape, array.values, source, name);
  throw new InputError(
    source,
    LOGICAL_COUNT,
    `is not among its ${arrays.size} arrays; expected it, or one array only`,
  );
}

function loadOfArray(
  shape: readonly number[],
  values: ReadonlyNumbers,
  source: string,
  field: string,
): ExpertLoad {
  const [layers, experts] = shape.slice(-2);
  if (shape.length < 2 || shape.length > 3 || shape.includes(0)) {
    const hint = `has shape (${shape.join(", ")}); expected (layers, experts) or (steps, layers, experts), none of them 0`;
    throw new InputError(source, field, hint);
  }
  const sum = emptyLoad(layers, experts);
  const { tokens } = sum;
  for (let i = 0; i < values.length; i++) {
    const cell = i % tokens.length;
    const where = () => `${field} layer ${Math.floor(cell / experts)} expert ${cell % experts}`;
    if (!AMOUNT.holds(values[i])) readNumber(values[i], AMOUNT, source, where());
    tokens[cell] += values[i];
  }
  return sum;
}
