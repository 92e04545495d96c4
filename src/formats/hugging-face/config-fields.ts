import { InputError } from "../../lib/errors.ts";
import { type JsonObject, integerIn, readNumber } from "../json.ts";

const WIDTH = integerIn(0, 1 << 24);

/** The names that publishers give to one thing, the most particular first. */
const SYNONYMS = {
  layers: ["num_hidden_layers", "num_layers", "n_layers", "n_layer"],
  hidden: ["hidden_size", "d_model", "n_embd"],
  vocabulary: ["vocab_size"],
  intermediate: ["intermediate_size", "ffn_hidden_size"],
  denseIntermediate: ["intermediate_size_mlp", "dense_intermediate_size"],
  moeIntermediate: [
    "moe_intermediate_size",
    "moe_ffn_hidden_size",
    "expert_ffn_hidden_size",
    "expert_intermediate_size",
  ],
  expertHidden: ["moe_latent_size", "routed_expert_hidden_size"],
  experts: ["n_routed_experts", "num_routed_experts", "num_local_experts", "num_experts", "moe_num_experts"],
  topk: [
    "num_experts_per_tok",
    "num_experts_per_token",
    "experts_per_token",
    "moe_topk",
    "moe_k",
    "top_k_experts",
  ],
  sharedExperts: ["n_shared_experts", "num_shared_experts", "num_shared_expert", "moe_num_shared_experts"],
  sharedIntermediate: [
    "moe_shared_expert_intermediate_size",
    "shared_expert_intermediate_size",
    "shared_intermediate_size",
    "share_expert_dim",
  ],
  groups: ["n_group"],
  topkGroups: ["topk_group"],
  heads: ["num_attention_heads", "n_heads", "n_head"],
  kvHeads: ["num_key_value_heads", "num_kv_heads", "num_query_groups"],
  headDim: ["head_dim", "attention_head_dim", "kv_channels"],
  mambaGroups: ["n_groups", "mamba_n_groups"],
  mambaState: ["ssm_state_size", "mamba_d_state"],
  mambaHeads: ["mamba_num_heads", "mamba_n_heads"],
  mambaHeadDim: ["mamba_head_dim", "mamba_d_head"],
  mambaKernel: ["conv_kernel", "mamba_d_conv"],
  mtpLayers: ["num_nextn_predict_layers", "num_mtp_modules", "num_mtp_layers"],
} as const;

export type FieldName = keyof typeof SYNONYMS;

/** Reads a configuration by names; a null counts as absent. */
export class ConfigFields {
  readonly source: string;
  readonly #config: JsonObject;
  readonly #path: string;

  constructor(config: JsonObject, source: string, path: string) {
    this.#config = config;
    this.source = source;
    this.#path = path;
  }

  has(name: string): boolean {
    return this.value(name) !== null;
  }

  value(name: string): unknown {
    return Object.hasOwn(this.#config, name) ? (this.#config[name] ?? null) : null;
  }

  /** A number that a publisher calls by its own name, or a list of the same one for every layer; null where it is absent. */
  own(name: string): number | null {
    const value = this.value(name);
    if (value === null) return null;
    const [first, ...others] = Array.isArray(value) ? (value as readonly unknown[]) : [value];
    if (others.some((other) => other !== first))
      throw this.fault(
        name,
        "differs from layer to layer, which is not read; write the model's file by hand",
      );
    return readNumber(first, WIDTH, this.source, this.fieldName(name));
  }

  /** @throws InputError where it is absent */
  needed(name: string): number {
    return this.own(name) ?? this.lack([name]);
  }

  /** A whole number under any of its names; null where none is there. */
  find(field: FieldName): number | null {
    const name = SYNONYMS[field].find((synonym) => this.has(synonym));
    return name === undefined ? null : this.own(name);
  }

  /** The same. @throws InputError where none is there */
  require(field: FieldName): number {
    return this.find(field) ?? this.lack(this.missing([field]));
  }

  /** The names of all that are missing of these. */
  missing(fields: readonly FieldName[]): readonly string[] {
    return fields
      .filter((field) => this.find(field) === null)
      .map((field) => {
        const [first, ...others] = SYNONYMS[field];
        return others.length === 0 ? first : `${first} (or ${others.join(", ")})`;
      });
  }

  flag(name: string): boolean {
    return this.value(name) === true;
  }

  text(name: string): string | null {
    const value = this.value(name);
    return typeof value === "string" ? value : null;
  }

  /** A list, of as many as `length` says; null where it is absent. */
  list(name: string, length: number | null = null): readonly unknown[] | null {
    const value = this.value(name);
    if (value === null) return null;
    if (!Array.isArray(value)) throw this.fault(name, "is no list; expected a list");
    if (length !== null && value.length !== length)
      throw this.fault(name, `has ${value.length} entries; expected ${length}, one per layer`);
    return value as readonly unknown[];
  }

  /** Numbers of layers. */
  layerNumbers(name: string): readonly number[] | null {
    return (
      this.list(name)?.map((value, i) =>
        readNumber(value, WIDTH, this.source, `${this.fieldName(name)}[${i}]`),
      ) ?? null
    );
  }

  fault(name: string, hint: string): InputError {
    return new InputError(this.source, this.fieldName(name), hint);
  }

  fieldName(name: string): string {
    return `${this.#path}${name}`;
  }

  lack(names: readonly string[]): never {
    const { length } = names;
    const list = length === 1 ? names[0] : `${names.slice(0, -1).join(", ")} and ${names[length - 1]}`;
    const where = this.#path === "" ? "" : ` under ${this.#path.slice(0, -1)}`;
    throw new InputError(
      this.source,
      "",
      `lacks ${list}${where}; expected the config.json of a mixture-of-experts model, or write its file by hand (docs/models.md)`,
    );
  }
}
