import { describe, expect, test } from "vitest";
import { readModel } from "../../src/config/models/read-model.ts";
import { readHuggingFaceConfig } from "../../src/formats/hugging-face/read-config.ts";
import type { MoeModel } from "../../src/model/moe-model.ts";

type Config = Readonly<Record<string, unknown>>;

/** 12 layers of 16 experts, with grouped-query attention. */
const BASE: Config = {
  architectures: ["MadeUpForCausalLM"],
  model_type: "made_up",
  num_hidden_layers: 12,
  hidden_size: 512,
  intermediate_size: 1024,
  moe_intermediate_size: 256,
  num_experts: 16,
  num_experts_per_tok: 2,
  num_attention_heads: 8,
  num_key_value_heads: 2,
  vocab_size: 1000,
  torch_dtype: "bfloat16",
};

const bytesOf = (config: unknown) => new TextEncoder().encode(JSON.stringify(config));

function read(changes: Config, beside: Config | null = null): { model: MoeModel; notes: readonly string[] } {
  const quantization = beside === null ? null : { bytes: bytesOf(beside), source: "q.json" };
  const found = readHuggingFaceConfig(bytesOf({ ...BASE, ...changes }), "c.json", {
    name: null,
    quantization,
  });
  return { model: readModel(found.model, () => "c.json"), notes: found.notes };
}

/** Without some fields. */
const without = (...names: readonly string[]) => Object.fromEntries(names.map((name) => [name, undefined]));

const every = (first: number, step: number) =>
  Array.from({ length: Math.ceil((12 - first) / step) }, (_, i) => first + i * step);

describe("layers that route to experts, as publishers say it", () => {
  test.each([
    ["the first are dense", { first_k_dense_replace: 3 }, every(3, 1)],
    ["every second after the first", { first_k_dense_replace: 1, moe_layer_freq: 2 }, every(2, 2)],
    ["one number each", { moe_layer_freq: [0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0] }, every(1, 1).slice(0, -1)],
    ["one word each", { mlp_layer_types: ["dense", ...Array(11).fill("sparse")] }, every(1, 1)],
    ["the last of every so many", { interleave_moe_layer_step: 2 }, every(1, 2)],
    ["a list", { moe_layers: [2, 5, 8] }, [2, 5, 8]],
    [
      "a step, and exceptions",
      { decoder_sparse_step: 1, mlp_only_layers: [0, 4] },
      [1, 2, 3, ...every(5, 1)],
    ],
    ["from one to another", { moe_layer_start_index: 1, moe_layer_end_index: 10 }, every(1, 1).slice(0, -1)],
    ["from one to the last", { moe_layer_start_index: 2, moe_layer_end_index: -1 }, every(2, 1)],
    ["dense ones counted", { num_dense_layers: 2 }, every(2, 1)],
    ["a period", { expert_layer_period: 3, expert_layer_offset: 1 }, every(1, 3)],
  ])("%s", (_, changes, moeLayers) => {
    const { model, notes } = read(changes);
    expect(model.moeLayers).toEqual(moeLayers);
    expect(model.moeLayers.length + model.denseLayers.length).toBe(12);
    expect(notes).toEqual([]);
  });

  test("where nothing says it, all do, which is told", () => {
    const { model, notes } = read({});
    expect(model.moeLayers).toEqual(every(0, 1));
    expect(notes).toEqual(["nothing says which layers are dense: all 12 are taken to route to experts"]);
  });

  test("layers that are one thing each", () => {
    const mamba = { mamba_num_heads: 4, mamba_head_dim: 8, n_groups: 2, ssm_state_size: 16, conv_kernel: 4 };
    const { model } = read({ hybrid_override_pattern: "ME*ME-ME*MEM", mlp_hidden_act: "relu2", ...mamba });
    expect(model).toMatchObject({ moeLayers: [1, 4, 7, 10], denseLayers: [5], gated: false });
    expect(model.attention).toMatchObject([
      {
        kind: "linear",
        layers: [0, 3, 6, 9, 11],
        keyHeads: 2,
        keyHeadDim: 16,
        valueHeads: 4,
        valueHeadDim: 8,
      },
      { kind: "gqa", layers: [2, 8] },
    ]);
  });

  test("the same in words, which are as many as there are layers", () => {
    const words = ["attention", "moe", "attention", "moe"];
    const { model } = read({ ...without("num_hidden_layers"), layers_block_type: words });
    expect(model).toMatchObject({ layers: 4, moeLayers: [1, 3] });
  });
});

describe("attention, as publishers say it", () => {
  const full = (layers: readonly number[]) => ({ kind: "gqa", layers, window: null });
  const chunked = { interleave_moe_layer_step: 1, attention_chunk_size: 64 };
  const linear = {
    linear_num_key_heads: 2,
    linear_key_head_dim: 16,
    linear_num_value_heads: 4,
    linear_value_head_dim: 32,
    linear_conv_kernel_dim: 4,
  };
  const lastOfFour = [3, 7, 11];
  const others = every(0, 1).filter((layer) => !lastOfFour.includes(layer));

  test.each([
    ["all alike", {}, [{ ...full(every(0, 1)), heads: 8, kvHeads: 2, headDim: 64 }]],
    ["a window where one is used", { sliding_window: 32 }, [{ kind: "gqa", window: 32 }]],
    ["a window that is not used", { sliding_window: 32, use_sliding_window: false }, [full(every(0, 1))]],
    [
      "words",
      {
        sliding_window: 32,
        layer_types: every(0, 1).map((i) => (i % 2 ? "full_attention" : "sliding_attention")),
      },
      [{ layers: every(0, 2), window: 32 }, full(every(1, 2))],
    ],
    ["chunks but in the last of four", chunked, [{ layers: others, window: 64 }, full(lastOfFour)]],
    [
      "chunks where positions are",
      { ...chunked, no_rope_layers: every(0, 1).map((i) => (i === 5 ? 0 : 1)) },
      [{ window: 64 }, full([5])],
    ],
    [
      "states but in the last of three",
      { ...linear, full_attention_interval: 3, model_type: "qwen3_next" },
      [
        { kind: "linear", valueHeads: 4 },
        { ...full([2, 5, 8, 11]), outputGate: true },
      ],
    ],
    [
      "another shape in windows",
      {
        hybrid_layer_pattern: every(0, 1).map((i) => (i === 0 ? 0 : 1)),
        sliding_window: 32,
        swa_num_attention_heads: 8,
        swa_num_key_value_heads: 4,
        swa_head_dim: 48,
        v_head_dim: 32,
        head_dim: 64,
      },
      [
        { layers: [0], kvHeads: 2, headDim: 64, vHeadDim: 32 },
        { layers: every(1, 1), kvHeads: 4, headDim: 48, vHeadDim: 32, window: 32 },
      ],
    ],
  ])("%s", (_, changes, attention) => {
    expect(read({ num_dense_layers: 0, ...changes }).model.attention).toMatchObject(attention);
  });

  test("latent, sparse or not", () => {
    const latent = {
      kv_lora_rank: 64,
      q_lora_rank: null,
      qk_nope_head_dim: 32,
      qk_rope_head_dim: 16,
      v_head_dim: 32,
    };
    const index = { index_topk: 128, index_n_heads: 4, index_head_dim: 16 };
    expect(read(latent).model.attention).toMatchObject([{ kind: "mla", qLoraRank: 0, indexer: null }]);
    expect(read({ ...latent, ...index }).model.attention).toMatchObject([
      { kind: "mla", indexer: { heads: 4, headDim: 16, topk: 128 } },
    ]);
  });
});

describe("widths", () => {
  test("one width for all is that of experts, and of dense layers", () => {
    const { model } = read({ ...without("moe_intermediate_size"), num_dense_layers: 1 });
    expect(model).toMatchObject({ moeIntermediate: 1024, denseIntermediate: 1024 });
  });

  test.each([
    ["none", {}, { sharedExperts: 0 }],
    [
      "so many, as wide as the others",
      { n_shared_experts: 2 },
      { sharedExperts: 2, sharedIntermediate: 256 },
    ],
    [
      "one, of its own width",
      { shared_expert_intermediate_size: 640 },
      { sharedExperts: 1, sharedIntermediate: 640 },
    ],
    [
      "so many that are so wide together",
      { n_shared_experts: 2, moe_shared_expert_intermediate_size: 640 },
      { sharedExperts: 2, sharedIntermediate: 320 },
    ],
    ["a width of 0", { shared_intermediate_size: 0 }, { sharedExperts: 0 }],
  ])("shared experts: %s", (_, changes, shared) => {
    expect(read(changes).model).toMatchObject(shared);
  });

  test("compressed experts, and the gate's groups", () => {
    const changes = { moe_latent_size: 128, n_group: 4, topk_group: 2, routed_scaling_factor: 2.5 };
    expect(read(changes).model).toMatchObject({
      expertHidden: 128,
      groups: 4,
      topkGroups: 2,
      routeScale: 2.5,
    });
  });

  test("the language model of a larger one", () => {
    const { num_hidden_layers: _, ...inner } = BASE;
    const config = {
      architectures: ["Big"],
      vision_config: {},
      text_config: { ...inner, num_hidden_layers: 5 },
    };
    const options = { name: "big", quantization: null };
    expect(readHuggingFaceConfig(bytesOf(config), "c.json", options).model).toMatchObject({
      name: "big",
      layers: 5,
    });
  });

  test("layers for multi-token prediction are ignored, which is told", () => {
    const { model, notes } = read({ num_nextn_predict_layers: 1, num_dense_layers: 0 });
    expect(model.mtpLayers).toBe(0);
    expect(notes.join()).toContain("add mtpLayers: 1 where engines report them");
  });
});

describe("precision", () => {
  const group = (weights: Config, ignore: readonly string[] = []) => ({
    quant_method: "compressed-tensors",
    config_groups: { group_0: { targets: ["Linear"], weights } },
    ignore,
  });
  const layers = (attention: Config) => ({
    quant_algo: "MIXED_PRECISION",
    quantized_layers: { "layers.0.mlp.experts.0": { quant_algo: "NVFP4" }, ...attention },
  });

  test.each([
    [
      { quant_method: "fp8", weight_block_size: [128, 128] },
      { experts: "fp8", rest: "fp8" },
    ],
    [
      { quant_method: "fp8", modules_to_not_convert: ["lm_head", "layers.0.self_attn.kv_a_layernorm"] },
      { rest: "fp8" },
    ],
    [
      { quant_method: "fp8", ignored_layers: ["layers.0.self_attn.o_proj"] },
      { experts: "fp8", rest: "bf16" },
    ],
    [
      { quant_method: "mxfp4", modules_to_not_convert: [] },
      { experts: "mxfp4", rest: "bf16" },
    ],
    [
      group({ num_bits: 4, type: "int", group_size: 32 }, ["re:.*self_attn.*"]),
      { experts: "int4", groupSize: 32, rest: "bf16" },
    ],
    [group({ num_bits: 8, type: "int" }), { experts: "int8", rest: "int8" }],
    [group({ num_bits: 8, type: "float" }), { experts: "fp8", rest: "fp8" }],
    [group({ num_bits: 4, type: "float", group_size: 16 }), { experts: "nvfp4", rest: "nvfp4" }],
    [group({ num_bits: 4, type: "float", group_size: 32 }), { experts: "mxfp4", rest: "bf16" }],
    [
      { quant_method: "awq", bits: 4, group_size: 64 },
      { experts: "int4", groupSize: 64, rest: "int4" },
    ],
    [{ quant_method: "gptq", bits: 8 }, { experts: "int8" }],
    [
      { quant_method: "modelopt", quant_algo: "NVFP4", ignore: ["layers.1.self_attn*"] },
      { experts: "nvfp4", rest: "bf16" },
    ],
    [layers({ "layers.0.self_attn.o_proj": { quant_algo: "FP8" } }), { experts: "nvfp4", rest: "fp8" }],
    [layers({}), { experts: "nvfp4", rest: "bf16" }],
  ])("%j", (quantization_config, precision) => {
    expect(read({ quantization_config }).model.precision).toMatchObject(precision);
  });

  test("what modelopt wrote beside is read where the configuration says nothing", () => {
    const beside = { producer: {}, quantization: { quant_algo: "NVFP4", exclude_modules: ["lm_head"] } };
    expect(read({}, beside).model.precision).toMatchObject({ experts: "nvfp4", rest: "nvfp4" });
    const own = { quantization_config: { quant_method: "fp8" } };
    expect(read(own, beside).model.precision.experts).toBe("fp8");
  });

  test("without either, weights are BF16; that nothing says so is told", () => {
    expect(read({}).model.precision).toMatchObject({ experts: "bf16", rest: "bf16" });
    expect(read(without("torch_dtype")).notes.join()).toContain(
      "weights are taken to be BF16: c.json names no",
    );
  });
});

describe("what is refused", () => {
  test.each([
    [
      without("num_experts", "vocab_size"),
      "c.json: lacks vocab_size and n_routed_experts (or num_routed_experts",
    ],
    [without("num_key_value_heads", "num_attention_heads"), "c.json: lacks num_attention_heads"],
    [{ num_hidden_layers: 1e9 }, "c.json: num_hidden_layers is 1000000000; expected an integer in"],
    [{ num_hidden_layers: 5000 }, "c.json: num_hidden_layers is 5000; expected an integer in 1..1024"],
    [{ hidden_size: "512" }, 'c.json: hidden_size is "512"; expected an integer'],
    [{ layer_types: ["full_attention"] }, "c.json: layer_types has 1 entries; expected 12, one per layer"],
    [{ layer_types: Array(12).fill("hyena") }, 'c.json: layer_types has "hyena", which is not read; write'],
    [{ layer_types: Array(12).fill("sliding_attention") }, "c.json: lacks sliding_window"],
    [
      { compress_ratios: [1] },
      "c.json: compress_ratios is of a kind that is not read; write the model's file",
    ],
    [{ hybrid_override_pattern: "ME" }, "c.json: hybrid_override_pattern has 2 layers; expected 12"],
    [{ hybrid_override_pattern: "MEXMEMEMEMEM" }, 'c.json: hybrid_override_pattern has "X" for layer 2'],
    [{ kv_lora_rank: 8 }, "c.json: lacks qk_nope_head_dim"],
    [
      { quantization_config: { quant_method: "bitsandbytes" } },
      'quantization_config.quant_method is "bitsandbytes"',
    ],
    [
      { quantization_config: { quant_method: "gptq", bits: 3 } },
      "quantization_config.bits is 3; expected 4 or 8",
    ],
    [{ num_experts_per_tok: 17 }, "c.json: topk is 17; expected at most the 16 experts"],
  ])("%j", (changes, message) => {
    expect(() => read(changes)).toThrow(message);
  });
});
