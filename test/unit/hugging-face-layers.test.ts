import { describe, expect, test } from "vitest";
import { every, read, without } from "../hugging-face-configs.ts";

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
    const words = ["attention", "moe", "full_attention", "moe", "mlp"];
    const { model } = read({ ...without("num_hidden_layers"), layers_block_type: words });
    expect(model).toMatchObject({ layers: 5, moeLayers: [1, 3], denseLayers: [4] });
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

  test("Mamba-2 by the names of either publisher, and linear attention of heads as they are", () => {
    const layer_types = every(0, 1).map((i) => (i === 5 ? "attention" : "mamba"));
    const granite = {
      mamba_n_groups: 1,
      mamba_d_state: 64,
      mamba_n_heads: 8,
      mamba_d_head: 32,
      mamba_d_conv: 4,
    };
    expect(read({ layer_types, ...granite }).model.attention).toMatchObject([
      { kind: "linear", keyHeads: 1, keyHeadDim: 64, valueHeads: 8, valueHeadDim: 32, convKernel: 4 },
      full([5]),
    ]);
    const lightning = { attn_type_list: every(0, 1).map((i) => (i === 11 ? 1 : 0)) };
    expect(read(lightning).model.attention).toMatchObject([
      { kind: "linear", keyHeads: 8, valueHeads: 8, valueHeadDim: 64, convKernel: 1 },
      full([11]),
    ]);
  });

  test("one number for every layer, where all are the same", () => {
    const heads = (last: number) => ({ num_attention_heads_per_layer: [...Array(11).fill(16), last] });
    expect(read(heads(16)).model.attention).toMatchObject([{ heads: 16 }]);
    expect(() => read(heads(8))).toThrow("num_attention_heads_per_layer differs from layer to layer");
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
    const sparse = [{ kind: "mla", indexer: { heads: 4, headDim: 16, topk: 128 } }];
    const layer_types = Array(12).fill("indexed_attention");
    for (const more of [{}, { layer_types }])
      expect(read({ ...latent, ...index, ...more }).model.attention).toMatchObject(sparse);
  });
});
