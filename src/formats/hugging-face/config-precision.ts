import { InputError } from "../../lib/errors.ts";
import { INT4_GROUP, type WeightFormat } from "../../model/weights.ts";
import { type JsonObject, isObject } from "../json.ts";

export interface ConfigPrecision {
  readonly experts: WeightFormat;
  readonly groupSize: number;
  readonly rest: WeightFormat;
}

/** Modules that are left as they are, by their names: those of attention. */
const ATTENTION = /attn|attention|mixer/;
/** Parts of attention that are no projections. */
const SMALL = /norm|indexers?_proj|rotary|bias|conv1d/;

/**
 * The formats of experts, and of attention and dense layers.
 * @param quantization a `quantization_config`, or what modelopt writes
 * @param field        where it stands
 * @throws InputError for one that is not known
 */
export function readConfigPrecision(quantization: unknown, source: string, field: string): ConfigPrecision {
  if (!isObject(quantization))
    throw new InputError(source, field, "is no object; expected quant_method and its settings");
  const fault = (name: string, hint: string) => new InputError(source, `${field}.${name}`, hint);
  const { experts, groupSize = INT4_GROUP } = formatOf(quantization, fault);
  return { experts, groupSize, rest: restOf(quantization, experts) };
}

interface Format {
  readonly experts: WeightFormat;
  readonly groupSize?: number;
}

type Fault = (name: string, hint: string) => InputError;

function formatOf(quantization: JsonObject, fault: Fault): Format {
  const { quant_method: method, quant_algo: algorithm, moe_quant_algo: ofExperts } = quantization;
  const algorithms = [ofExperts, algorithm, ...layerAlgorithms(quantization)];
  const named = algorithms.find((word) => word === "NVFP4" || word === "W4A16_NVFP4" || word === "FP8");
  if (named !== undefined) return { experts: named === "FP8" ? "fp8" : "nvfp4" };
  if (method === "fp8" || method === "fbgemm_fp8") return { experts: "fp8" };
  if (method === "mxfp4") return { experts: "mxfp4" };
  if (method === "awq" || method === "gptq" || method === "auto-round") {
    const { bits = 4, group_size: groupSize } = quantization;
    if (bits === 8) return { experts: "int8" };
    if (bits === 4) return { experts: "int4", ...(isSize(groupSize) ? { groupSize } : {}) };
    throw fault("bits", `is ${String(bits)}; expected 4 or 8`);
  }
  const group = firstGroup(quantization);
  if (group !== null) return groupFormat(group, quantization, fault);
  throw fault(
    algorithm === undefined ? "quant_method" : "quant_algo",
    `is ${JSON.stringify(algorithm ?? method)}, which is not read; write the model's file by hand (docs/models.md)`,
  );
}

/** Of mixed precision, what modelopt says of the experts. */
function layerAlgorithms({ quantized_layers: layers }: JsonObject): readonly unknown[] {
  if (!isObject(layers)) return [];
  return Object.entries(layers)
    .filter(([name]) => name.includes("experts") && !name.includes("shared"))
    .map(([, layer]) => (isObject(layer) ? layer["quant_algo"] : null));
}

function firstGroup({ config_groups: groups }: JsonObject): JsonObject | null {
  const [group] = isObject(groups) ? Object.values(groups) : [];
  const weights = isObject(group) ? group["weights"] : null;
  return isObject(weights) ? weights : null;
}

/** What compressed-tensors says of weights. */
function groupFormat(weights: JsonObject, { format }: JsonObject, fault: Fault): Format {
  const { num_bits: bits, type, group_size: groupSize } = weights;
  if (type === "float" && bits === 8) return { experts: "fp8" };
  if (type === "int" && bits === 8) return { experts: "int8" };
  if (type === "int" && bits === 4) return { experts: "int4", ...(isSize(groupSize) ? { groupSize } : {}) };
  if (type === "float" && bits === 4) {
    const isMx = groupSize === 32 || String(format).startsWith("mxfp4");
    return { experts: isMx ? "mxfp4" : "nvfp4" };
  }
  throw fault("config_groups", `has weights of ${String(bits)} bits (${String(type)}); expected 4 or 8`);
}

/** MXFP4 is of experts alone; other formats are of all that is not left out, or that is named. */
function restOf(quantization: JsonObject, experts: WeightFormat): WeightFormat {
  if (experts === "mxfp4") return "bf16";
  const { quantized_layers: layers } = quantization;
  if (isObject(layers)) {
    const [, layer = null] = Object.entries(layers).find(([name]) => isProjection(name)) ?? [];
    const algorithm = isObject(layer) ? layer["quant_algo"] : null;
    return algorithm === "FP8" ? "fp8" : algorithm === null ? "bf16" : experts;
  }
  const names = ["ignore", "modules_to_not_convert", "ignored_layers", "exclude_modules"].flatMap((field) => {
    const value = quantization[field];
    return Array.isArray(value) ? value.map(String) : [];
  });
  return names.some(isProjection) ? "bf16" : experts;
}

/** Whether a module is attention's, and no small part of it. */
function isProjection(name: string): boolean {
  return ATTENTION.test(name) && !SMALL.test(name) && !name.includes("experts");
}

function isSize(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 0;
}
