import { describe, expect, test } from "vitest";
import { readHuggingFaceConfig } from "../../src/formats/hugging-face/read-config.ts";
import { type Config, BASE, bytesOf, read, without } from "../hugging-face-configs.ts";

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
    [{ index_n_heads: 4, index_topk: 64 }, "c.json: index_n_heads is of a kind that is not read; write the"],
    [{ zero_expert_num: 4 }, "c.json: zero_expert_num is of a kind that is not read; write the model's file"],
    [{ hidden_size: 500 }, "c.json: lacks head_dim; expected"],
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
