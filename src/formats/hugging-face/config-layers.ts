import type { ConfigFields } from "./config-fields.ts";

/** What a layer's feed-forward part is; null where it has none. */
export type FeedForward = "moe" | "dense" | null;
/** What a layer's other part is, by the publisher's word; null where it has none. */
export type Mixer = string | null;

/** Of patterns: one sign per layer (Nemotron-H). */
const PATTERN: Readonly<Record<string, readonly [Mixer, FeedForward]>> = {
  M: ["mamba", null],
  "*": ["full_attention", null],
  E: [null, "moe"],
  "-": [null, "dense"],
};
const BLOCK_SIGNS: Readonly<Record<string, string>> = {
  mamba: "M",
  linear_attention: "M",
  attention: "*",
  full_attention: "*",
  moe: "E",
  mlp: "-",
};

/** The layers of models in which each is one thing; null for models of the usual kind. */
export function blockPattern(
  fields: ConfigFields,
  layers: number,
): readonly (readonly [Mixer, FeedForward])[] | null {
  const name = fields.has("hybrid_override_pattern") ? "hybrid_override_pattern" : "layers_block_type";
  const written = fields.text(name)?.split("") ?? fields.list(name);
  if (written === null) return null;
  const signs = written.map((sign) => BLOCK_SIGNS[String(sign)] ?? String(sign));
  if (signs.length !== layers) throw fields.fault(name, `has ${signs.length} layers; expected ${layers}`);
  return signs.map((sign, i) => {
    if (!Object.hasOwn(PATTERN, sign))
      throw fields.fault(name, `has ${JSON.stringify(sign)} for layer ${i}; expected M, *, E or -`);
    return PATTERN[sign];
  });
}

interface MoeRule {
  /** The fields of which one says that this is the publisher's way. */
  readonly fields: readonly string[];
  readonly of: (fields: ConfigFields, layers: number) => (layer: number) => boolean;
}

/** How publishers say which layers route to experts, the most explicit first. */
const RULES: readonly MoeRule[] = [
  { fields: ["mlp_layer_types"], of: byWord("mlp_layer_types", "sparse", "dense") },
  { fields: ["moe_layers"], of: (fields) => among(fields.layerNumbers("moe_layers") ?? []) },
  {
    fields: ["first_k_dense_replace", "moe_layer_freq"],
    of: (fields, layers) => {
      const first = fields.own("first_k_dense_replace") ?? 0;
      if (Array.isArray(fields.value("moe_layer_freq"))) {
        const list = fields.list("moe_layer_freq", layers);
        return (layer) => list?.[layer] === 1;
      }
      const every = Math.max(1, fields.own("moe_layer_freq") ?? 1);
      return (layer) => layer >= first && layer % every === 0;
    },
  },
  {
    fields: ["interleave_moe_layer_step"],
    of: (fields) => everyLast(fields.needed("interleave_moe_layer_step")),
  },
  {
    fields: ["moe_layer_start_index", "moe_layer_end_index", "moe_layer_interval"],
    of: (fields, layers) => {
      const [start, end] = [bound(fields, "moe_layer_start_index", 0), lastLayer(fields, layers)];
      const isLast = everyLast(fields.own("moe_layer_interval") ?? 1);
      return (layer) => layer >= start && layer <= end && isLast(layer);
    },
  },
  { fields: ["num_dense_layers"], of: (fields) => from(fields.needed("num_dense_layers")) },
  {
    fields: ["decoder_sparse_step", "mlp_only_layers"],
    of: (fields) => {
      const isLast = everyLast(fields.own("decoder_sparse_step") ?? 1);
      const isDense = among(fields.layerNumbers("mlp_only_layers") ?? []);
      return (layer) => isLast(layer) && !isDense(layer);
    },
  },
  {
    fields: ["expert_layer_period"],
    of: (fields) => {
      const [period, offset] = [
        Math.max(1, fields.needed("expert_layer_period")),
        fields.own("expert_layer_offset") ?? 0,
      ];
      return (layer) => layer % period === offset;
    },
  },
];

/** Which layers route to experts; null where the configuration does not say. */
export function moeRule(fields: ConfigFields, layers: number): ((layer: number) => boolean) | null {
  const rule = RULES.find(({ fields: names }) => names.some((name) => fields.has(name)));
  return rule === undefined ? null : rule.of(fields, layers);
}

function byWord(name: string, yes: string, no: string): MoeRule["of"] {
  return (fields, layers) => {
    const words = fields.list(name, layers) ?? [];
    const odd = words.find((word) => word !== yes && word !== no);
    if (odd !== undefined) throw fields.fault(name, `has ${JSON.stringify(odd)}; expected ${yes} or ${no}`);
    return (layer) => words[layer] === yes;
  };
}

function among(numbers: readonly number[]): (layer: number) => boolean {
  const set = new Set(numbers);
  return (layer) => set.has(layer);
}

function from(first: number): (layer: number) => boolean {
  return (layer) => layer >= first;
}

/** The last of every so many. */
function everyLast(step: number): (layer: number) => boolean {
  return (layer) => (layer + 1) % Math.max(1, step) === 0;
}

/** A number, or the least of one per modality. */
function bound(fields: ConfigFields, name: string, absent: number): number {
  const numbers = Array.isArray(fields.value(name))
    ? fields.layerNumbers(name)
    : [fields.own(name) ?? absent];
  return Math.min(...(numbers ?? [absent]));
}

/** −1 stands for the last. */
function lastLayer(fields: ConfigFields, layers: number): number {
  const written = fields.value("moe_layer_end_index");
  return written === -1 || written === null ? layers - 1 : bound(fields, "moe_layer_end_index", layers - 1);
}
