import { readModel } from "../src/config/models/read-model.ts";
import { readHuggingFaceConfig } from "../src/formats/hugging-face/read-config.ts";
import type { MoeModel } from "../src/model/moe-model.ts";

export type Config = Readonly<Record<string, unknown>>;

/** 12 layers of 16 experts, with grouped-query attention. */
export const BASE: Config = {
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

export const bytesOf = (config: unknown) => new TextEncoder().encode(JSON.stringify(config));

export function read(
  changes: Config,
  beside: Config | null = null,
): { model: MoeModel; notes: readonly string[] } {
  const quantization = beside === null ? null : { bytes: bytesOf(beside), source: "q.json" };
  const found = readHuggingFaceConfig(bytesOf({ ...BASE, ...changes }), "c.json", {
    name: null,
    quantization,
  });
  return { model: readModel(found.model, () => "c.json"), notes: found.notes };
}

/** Without some fields. */
export const without = (...names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, undefined]));

export const every = (first: number, step: number) =>
  Array.from({ length: Math.ceil((12 - first) / step) }, (_, i) => first + i * step);
