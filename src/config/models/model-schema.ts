import { z } from "zod";
import { WEIGHT_FORMATS } from "../../model/weights.ts";

/** Far above every model there is, and what tables of layers and experts may take of memory. */
const MOST_LAYERS = 1024;
const MOST_EXPERTS = 4096;
const MOST_WIDTH = 1 << 24;

const width = z.int().positive().max(MOST_WIDTH);
const none = z.int().nonnegative().max(MOST_WIDTH);
const experts = z.int().positive().max(MOST_EXPERTS);

/** Layers by number. A number alone could be one layer, or so many. */
const layerNumbers = z.union(
  [z.string(), z.array(z.int().nonnegative(), "expected layers")],
  'expected layers such as [1, 3, 5], "3-60" or "1-47/2"',
);

/** The fields of every kind: which belong together is said where they are read. */
const attention = z.strictObject({
  kind: z.enum(["mla", "gqa", "sliding", "linear"]).optional(),
  layers: layerNumbers.optional(),
  heads: width.optional(),
  qLoraRank: none.optional(),
  kvLoraRank: width.optional(),
  nopeHeadDim: none.optional(),
  ropeHeadDim: none.optional(),
  indexer: z.strictObject({ heads: width, headDim: width, topk: width }).nullable().optional(),
  kvHeads: width.optional(),
  headDim: width.optional(),
  vHeadDim: width.optional(),
  window: width.nullable().optional(),
  outputGate: z.boolean().optional(),
  keyHeads: width.optional(),
  keyHeadDim: width.optional(),
  valueHeads: width.optional(),
  valueHeadDim: width.optional(),
  convKernel: width.optional(),
});

export type WrittenAttention = z.output<typeof attention>;

const format = z.enum(WEIGHT_FORMATS);
const precision = z.strictObject({
  experts: format,
  groupSize: width.optional(),
  rest: format.optional(),
  dispatch: z.enum(["fp8", "bf16"]).optional(),
});

const model = z.strictObject({
  name: z.string().min(1),
  source: z.string().min(1),
  layers: z.int().positive().max(MOST_LAYERS),
  moeLayers: layerNumbers.optional(),
  denseLayers: z
    .union(
      [z.int().nonnegative(), z.string(), z.array(z.int().nonnegative())],
      'expected how many of the first layers are dense, or layers such as [0, 2] or "0-46/2"',
    )
    .optional(),
  mtpLayers: z.int().nonnegative().max(MOST_LAYERS).default(0),
  hidden: width,
  denseIntermediate: none.default(0),
  moeIntermediate: width,
  expertHidden: width.optional(),
  gated: z.boolean().default(true),
  expertBias: z.boolean().default(false),
  experts,
  sharedExperts: z.int().nonnegative().max(MOST_EXPERTS).default(0),
  sharedIntermediate: width.optional(),
  sharedFused: z.boolean().default(false),
  topk: experts,
  groups: experts.default(1),
  topkGroups: experts.default(1),
  routeScale: z.number().positive().default(1),
  vocabulary: width,
  tiedEmbeddings: z.boolean().default(false),
});

const records = z.array(attention).min(1).max(MOST_LAYERS);
const whole = model.extend({ attention, precision: precision.optional() });

/** By how attention and precision are written: a record, or a list or a word. A union would not say what is wrong. */
const SCHEMAS = {
  record: { record: whole, word: whole.extend({ precision: format }) },
  list: {
    record: whole.extend({ attention: records }),
    word: whole.extend({ attention: records, precision: format }),
  },
};

export type WrittenModel = z.output<(typeof SCHEMAS)[keyof typeof SCHEMAS]["record" | "word"]>;

/** What a model's file is checked against. */
export function modelSchema(written: unknown): z.ZodType<WrittenModel> {
  const { attention: kinds, precision: formats } = (written ?? {}) as Record<string, unknown>;
  return SCHEMAS[Array.isArray(kinds) ? "list" : "record"][typeof formats === "string" ? "word" : "record"];
}
