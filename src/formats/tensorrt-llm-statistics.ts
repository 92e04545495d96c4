import { InputError } from "../lib/errors.ts";
import { type NumberedLoad, emptyLoad } from "../model/load.ts";
import { AMOUNT, integerIn, MOST, readJsonObject, readNumber } from "./json.ts";
import { readSafetensors } from "./safetensors.ts";

/** A file's content and what messages call it. */
export interface NamedBytes {
  readonly source: string;
  readonly bytes: Uint8Array;
}

/**
 * Reads the expert statistics that TensorRT-LLM writes with `EXPERT_STATISTIC_ITER_RANGE`: per rank the counts
 * of each iteration and layer, summed here over ranks and iterations.
 * @param metaInfo `meta_info.json`
 * @param ranks    every `rank{r}.safetensors`
 * @returns a row per layer that routes to experts, by their number in the model
 * @throws InputError
 */
export function readTensorrtLlmStatistics(metaInfo: NamedBytes, ranks: readonly NamedBytes[]): NumberedLoad {
  const meta = readJsonObject(metaInfo.bytes, metaInfo.source);
  const experts = readNumber(meta.num_experts, integerIn(1, MOST), metaInfo.source, "num_experts");
  /** Counts per expert by layer number. */
  const byLayer = new Map<number, Float64Array>();
  const keys = new Set<string>();
  const iterations = new Set<string>();
  for (const { source, bytes } of ranks) {
    for (const [key, { shape, values }] of readSafetensors(bytes, source)) {
      const [, iteration, layer] = /^(\d{1,9})_(\d{1,4})$/.exec(key) ?? [];
      if (iteration === undefined) {
        throw new InputError(source, `array ${key}`, "is not named {iteration}_{layer}; name only those");
      }
      if (shape.length !== 1 || shape[0] !== experts) {
        const hint = `has shape [${shape.join(", ")}]; expected one count for each of the ${experts} experts`;
        throw new InputError(source, `array ${key}`, hint);
      }
      const sums = byLayer.get(Number(layer)) ?? new Float64Array(experts);
      for (let expert = 0; expert < experts; expert++) {
        sums[expert] += readNumber(values[expert], AMOUNT, source, `array ${key}[${expert}]`);
      }
      byLayer.set(Number(layer), sums);
      keys.add(key);
      iterations.add(iteration);
    }
  }
  if (keys.size === 0 || keys.size !== byLayer.size * iterations.size) {
    const found = `has ${keys.size} counts of ${iterations.size} iterations × ${byLayer.size} layers`;
    throw new InputError(metaInfo.source, "", `${found} beside it; expected one each: copy the folder again`);
  }
  const load = emptyLoad(byLayer.size, experts);
  const rows = [...byLayer].toSorted(([a], [b]) => a - b);
  for (const [row, [, sums]] of rows.entries()) load.tokens.set(sums, row * experts);
  return { load, layers: rows.map(([layer]) => layer) };
}
