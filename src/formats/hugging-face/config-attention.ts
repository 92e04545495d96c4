import type { Attention } from "../../model/attention.ts";
import type { ConfigFields } from "./config-fields.ts";
import type { Mixer } from "./config-layers.ts";

type Kind<A extends Attention = Attention> = A extends Attention ? Omit<A, "layers"> : never;

/** Fields of models that are of more than what this reads: what it made of them would be wrong. */
const FOREIGN = [
  "compress_ratios",
  "sparse_attention_config",
  "linear_attn_config",
  "global_head_dim",
  "attention_other_setting",
  "attn_layer_period",
  "zero_expert_num",
];

/** What a file says where all layers attend alike. */
const EVERYWHERE: Mixer = "full_attention";

/** The attention of every layer, as records of layers that are alike. @param mixers of each layer, by the publisher's words */
export function readConfigAttention(
  fields: ConfigFields,
  layers: number,
  mixers: readonly Mixer[],
): readonly Attention[] {
  const foreign = FOREIGN.find((name) => fields.has(name)) ?? lonelyIndex(fields);
  if (foreign !== null) {
    const hint = "is of a kind that is not read; write the model's file by hand (docs/models.md)";
    throw fields.fault(foreign, hint);
  }
  const records: Attention[] = [];
  for (const mixer of new Set(mixers)) {
    if (mixer === null) continue;
    const numbers = Array.from({ length: layers }, (_, layer) => layer).filter(
      (layer) => mixers[layer] === mixer,
    );
    records.push({ ...kindOf(fields, mixer), layers: numbers });
  }
  return records;
}

/** What each layer attends by: its publisher's words where there are some. */
export function mixersOf(fields: ConfigFields, layers: number): readonly Mixer[] {
  const words = fields.list("layer_types", layers);
  if (words !== null) return words.map(String);
  const every = (step: number, others: Mixer) =>
    Array.from({ length: layers }, (_, layer) => ((layer + 1) % step === 0 ? EVERYWHERE : others));
  if (fields.has("linear_num_value_heads"))
    return every(fields.own("full_attention_interval") ?? 4, "linear_attention");
  const pattern = fields.list("hybrid_layer_pattern", layers);
  if (pattern !== null) return pattern.map((sliding) => (sliding === 1 ? "sliding_attention" : EVERYWHERE));
  const types = fields.list("attn_type_list", layers);
  if (types !== null) return types.map((full) => (full === 0 ? "lightning_attention" : EVERYWHERE));
  if (fields.has("attention_chunk_size") && fields.has("interleave_moe_layer_step")) {
    const rope = fields.list("no_rope_layers");
    // A list of 0 and 1: 1 has positions, and sees its chunk only.
    if (rope !== null && rope.length === layers)
      return rope.map((positions) => (positions === 0 ? EVERYWHERE : "chunked_attention"));
    return every(fields.own("no_rope_layer_interval") ?? 4, "chunked_attention");
  }
  const isSliding = fields.own("sliding_window") !== null && fields.value("use_sliding_window") !== false;
  const first = fields.flag("use_sliding_window") ? (fields.own("max_window_layers") ?? 0) : 0;
  return Array.from({ length: layers }, (_, layer) =>
    isSliding && layer >= first ? "sliding_attention" : EVERYWHERE,
  );
}

function kindOf(fields: ConfigFields, mixer: string): Kind {
  switch (mixer) {
    case "full_attention":
    case "attention":
      return fields.has("kv_lora_rank") ? latent(fields) : grouped(fields, null, "");
    case "deepseek_sparse_attention":
    case "indexed_attention":
      return latent(fields);
    case "sliding_attention":
    case "local_attention":
      return grouped(
        fields,
        fields.needed("sliding_window"),
        fields.has("swa_num_key_value_heads") ? "swa_" : "",
      );
    case "chunked_attention":
      return grouped(fields, fields.needed("attention_chunk_size"), "");
    case "linear_attention":
      if (fields.has("linear_num_value_heads")) return deltaNetwork(fields);
      return fields.text("model_type")?.startsWith("minimax") === true ? lightning(fields) : mamba(fields);
    case "mamba":
      return mamba(fields);
    case "lightning_attention":
      return lightning(fields);
    default:
      throw fields.fault(
        "layer_types",
        `has ${JSON.stringify(mixer)}, which is not read; write the model's file by hand (docs/models.md)`,
      );
  }
}

/** An indexer without the latent attention that it is known to choose for. */
function lonelyIndex(fields: ConfigFields): string | null {
  return fields.has("index_n_heads") && !fields.has("kv_lora_rank") ? "index_n_heads" : null;
}

function deltaNetwork(fields: ConfigFields) {
  return {
    kind: "linear",
    keyHeads: fields.needed("linear_num_key_heads"),
    keyHeadDim: fields.needed("linear_key_head_dim"),
    valueHeads: fields.needed("linear_num_value_heads"),
    valueHeadDim: fields.needed("linear_value_head_dim"),
    convKernel: fields.needed("linear_conv_kernel_dim"),
  } as const;
}

function mamba(fields: ConfigFields) {
  return {
    kind: "linear",
    keyHeads: fields.require("mambaGroups"),
    keyHeadDim: fields.require("mambaState"),
    valueHeads: fields.require("mambaHeads"),
    valueHeadDim: fields.require("mambaHeadDim"),
    convKernel: fields.require("mambaKernel"),
  } as const;
}

/** MiniMax-01 and M1: heads as they are, and no convolution. */
function lightning(fields: ConfigFields) {
  const { heads, headDim } = grouped(fields, null, "");
  return {
    kind: "linear",
    keyHeads: heads,
    keyHeadDim: headDim,
    valueHeads: heads,
    valueHeadDim: headDim,
    convKernel: 1,
  } as const;
}

function latent(fields: ConfigFields) {
  const index = fields.own("index_topk");
  return {
    kind: "mla",
    heads: headsOf(fields),
    qLoraRank: fields.own("q_lora_rank") ?? 0,
    kvLoraRank: fields.needed("kv_lora_rank"),
    nopeHeadDim: fields.needed("qk_nope_head_dim"),
    ropeHeadDim: fields.needed("qk_rope_head_dim"),
    vHeadDim: fields.needed("v_head_dim"),
    indexer:
      index === null
        ? null
        : { heads: fields.needed("index_n_heads"), headDim: fields.needed("index_head_dim"), topk: index },
  } as const;
}

/** @param prefix of fields that are these layers' own */
function grouped(fields: ConfigFields, window: number | null, prefix: string) {
  const heads = (prefix === "" ? null : fields.own(`${prefix}num_attention_heads`)) ?? headsOf(fields);
  const headDim = fields.own(`${prefix}head_dim`) ?? fields.find("headDim") ?? usualHeadDim(fields, heads);
  return {
    kind: "gqa",
    heads,
    kvHeads:
      (prefix === "" ? fields.find("kvHeads") : fields.needed(`${prefix}num_key_value_heads`)) ?? heads,
    headDim,
    vHeadDim: fields.own(`${prefix}v_head_dim`) ?? fields.own("v_head_dim") ?? headDim,
    window,
    outputGate: fields.flag("attn_output_gate") || fields.text("model_type") === "qwen3_next",
  } as const;
}

/** Transformers' own default. */
function usualHeadDim(fields: ConfigFields, heads: number): number {
  const size = (fields.find("hidden") ?? 0) / heads;
  return Number.isInteger(size) ? size : fields.needed("head_dim");
}

function headsOf(fields: ConfigFields): number {
  return fields.own("num_attention_heads_per_layer") ?? fields.require("heads");
}
