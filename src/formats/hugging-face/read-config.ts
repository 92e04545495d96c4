import type { MoeModel } from "../../model/moe-model.ts";
import { INT4_GROUP } from "../../model/weights.ts";
import { type JsonObject, integerIn, isObject, readJsonObject, readNumber } from "../json.ts";
import { mixersOf, readConfigAttention } from "./config-attention.ts";
import { ConfigFields, type FieldName } from "./config-fields.ts";
import { type FeedForward, type Mixer, blockPattern, moeRule } from "./config-layers.ts";
import { type ConfigPrecision, readConfigPrecision } from "./config-precision.ts";

/** What a configuration says of a model: as a model's file says it, to be checked as one. */
export interface ConfigModel extends Omit<MoeModel, "precision"> {
  readonly precision: ConfigPrecision;
}

export interface ReadConfig {
  readonly model: ConfigModel;
  /** What was taken for granted or ignored, one line each. */
  readonly notes: readonly string[];
}

interface ReadOptions {
  /** Of the model; null for the one that the file has. */
  readonly name: string | null;
  /** What modelopt wrote beside the configuration (`hf_quant_config.json`): read where that says nothing itself. */
  readonly quantization: { readonly bytes: Uint8Array; readonly source: string } | null;
}

/** Where multimodal models have the language model's part. */
const NESTED = ["text_config", "llm_config", "language_config"];
const SCALES = [
  "routed_scaling_factor",
  "moe_routed_scaling_factor",
  "moe_router_scaling_factor",
  "route_scale",
];
const NEEDED: readonly FieldName[] = ["layers", "hidden", "vocabulary", "experts", "topk", "heads"];
/** Two matrices without a gate; every other activation has one in models of experts. */
const UNGATED = new Set(["relu2", "relu"]);
const MOST_LAYERS = integerIn(1, 1024);

/**
 * Reads a Hugging Face `config.json`.
 * @throws InputError that names the fields that are missing, or one that says something this does not know
 */
export function readHuggingFaceConfig(bytes: Uint8Array, source: string, options: ReadOptions): ReadConfig {
  const whole = readJsonObject(bytes, source);
  const nested = NESTED.find((field) => isObject(whole[field]) && !("num_hidden_layers" in whole));
  const config = nested === undefined ? whole : (whole[nested] as JsonObject);
  const fields = new ConfigFields(config, source, nested === undefined ? "" : `${nested}.`);
  const outer = new ConfigFields(whole, source, "");
  const lacking = fields.missing(fields.has("layers_block_type") ? NEEDED.slice(1) : NEEDED);
  if (lacking.length > 0) fields.lack(lacking);
  const notes: string[] = [];
  const sizes = sizesOf(fields);
  const layers = layersOf(fields, sizes.layers, notes);
  const mtp = fields.find("mtpLayers") ?? 0;
  if (mtp > 0) {
    notes.push(
      `${mtp} layers for multi-token prediction are ignored; add mtpLayers: ${mtp} where engines report them`,
    );
  }
  const model: ConfigModel = {
    name: options.name ?? nameOf(outer, fields),
    source: `${source}, ${architectureOf(outer, fields)}`,
    mtpLayers: 0,
    ...sizes,
    ...layers,
    ...widthsOf(fields, layers),
    precision: precisionOf(outer, fields, options, notes),
    gated: !UNGATED.has(fields.text("mlp_hidden_act") ?? fields.text("hidden_act") ?? ""),
    expertBias: fields.text("model_type") === "gpt_oss",
    sharedFused: false,
    tiedEmbeddings:
      fields.flag("tie_word_embeddings") || (nested !== undefined && outer.flag("tie_word_embeddings")),
  };
  return { model, notes };
}

function sizesOf(fields: ConfigFields) {
  const size = (field: FieldName) => fields.find(field) ?? 0;
  const count = fields.find("layers") ?? fields.list("layers_block_type")?.length ?? 0;
  const layers = readNumber(count, MOST_LAYERS, fields.source, fields.fieldName("num_hidden_layers"));
  const groups = fields.find("groups") ?? 1;
  const scale = SCALES.map((name) => fields.value(name)).find((value) => typeof value === "number");
  return {
    layers,
    hidden: size("hidden"),
    expertHidden: fields.find("expertHidden") ?? size("hidden"),
    vocabulary: size("vocabulary"),
    experts: size("experts"),
    topk: size("topk"),
    groups,
    topkGroups: groups === 1 ? 1 : (fields.find("topkGroups") ?? groups),
    routeScale: scale ?? 1,
  };
}

interface Layers {
  readonly moeLayers: readonly number[];
  readonly denseLayers: readonly number[];
  readonly attention: MoeModel["attention"];
}

function layersOf(fields: ConfigFields, layers: number, notes: string[]): Layers {
  const pattern = blockPattern(fields, layers);
  const rule = pattern === null ? moeRule(fields, layers) : null;
  if (pattern === null && rule === null)
    notes.push(`nothing says which layers are dense: all ${layers} are taken to route to experts`);
  const mixers: readonly Mixer[] = pattern?.map(([mixer]) => mixer) ?? mixersOf(fields, layers);
  const feedForward = Array.from({ length: layers }, (_, layer): FeedForward => {
    if (pattern !== null) return pattern[layer][1];
    return rule === null || rule(layer) ? "moe" : "dense";
  });
  const numbers = (kind: FeedForward) => feedForward.flatMap((part, layer) => (part === kind ? [layer] : []));
  return {
    moeLayers: numbers("moe"),
    denseLayers: numbers("dense"),
    attention: readConfigAttention(fields, layers, mixers),
  };
}

/** Models without a width for experts alone have one width for all, or another for dense layers. */
function widthsOf(fields: ConfigFields, { denseLayers }: Layers) {
  const intermediate = fields.find("intermediate");
  const moeIntermediate =
    fields.find("moeIntermediate") ?? intermediate ?? fields.needed("moe_intermediate_size");
  const denseIntermediate =
    denseLayers.length === 0
      ? 0
      : (fields.find("denseIntermediate") ?? intermediate ?? fields.needed("intermediate_size"));
  return { moeIntermediate, denseIntermediate, ...sharedOf(fields, moeIntermediate) };
}

/** A width of shared experts is that of all of them together. */
function sharedOf(fields: ConfigFields, moeIntermediate: number) {
  const width = fields.find("sharedIntermediate");
  // Llama 4 has one beside the routed ones, as wide as they are, and no field for it.
  const unnamed = width !== null && width > 0 ? 1 : fields.has("interleave_moe_layer_step") ? 1 : 0;
  const sharedExperts = width === 0 ? 0 : (fields.find("sharedExperts") ?? unnamed);
  const together = width ?? sharedExperts * moeIntermediate;
  return {
    sharedExperts,
    sharedIntermediate: sharedExperts === 0 ? moeIntermediate : together / sharedExperts,
  };
}

/** What the configuration says, or the file beside it; without either, weights are as they were trained. */
function precisionOf(
  outer: ConfigFields,
  fields: ConfigFields,
  { quantization: beside }: ReadOptions,
  notes: string[],
): ConfigPrecision {
  const own = outer.value("quantization_config") ?? fields.value("quantization_config");
  if (own !== null) return readConfigPrecision(own, fields.source, "quantization_config");
  if (beside !== null) {
    const { quantization } = readJsonObject(beside.bytes, beside.source);
    return readConfigPrecision(quantization, beside.source, "quantization");
  }
  const type =
    fields.text("torch_dtype") ?? fields.text("dtype") ?? outer.text("torch_dtype") ?? outer.text("dtype");
  if (type !== "bfloat16" && type !== "float16") {
    const found = type === null ? "names no torch_dtype" : `has torch_dtype ${type}`;
    notes.push(`weights are taken to be BF16: ${fields.source} ${found}, and no quantization_config`);
  }
  return { experts: "bf16", groupSize: INT4_GROUP, rest: "bf16" };
}

function nameOf(outer: ConfigFields, fields: ConfigFields): string {
  const path = outer.text("_name_or_path") ?? "";
  const last = path.slice(path.lastIndexOf("/") + 1);
  return (
    last === "" ? (outer.text("model_type") ?? fields.text("model_type") ?? "model") : last
  ).toLowerCase();
}

function architectureOf(outer: ConfigFields, fields: ConfigFields): string {
  const [architecture] = outer.list("architectures") ?? [];
  if (typeof architecture === "string") return architecture;
  return outer.text("model_type") ?? fields.text("model_type") ?? "no architecture named";
}
