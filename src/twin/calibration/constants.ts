import type { ServingPoint } from "./serving-point.ts";

/**
 * A fitted constant: a base with a meaning, times a factor for each level that a point has. Logarithms of both are
 * normal beforehand: the base around `prior` within `spread`, factors around 1 within `levels`' spreads, so that a level
 * with few points stays near 1.
 */
export interface Component {
  readonly meaning: string;
  /** "s" for seconds; "" for parts and factors. */
  readonly unit: string;
  readonly prior: number;
  readonly spread: number;
  readonly levels: Readonly<Partial<Record<LevelKind, number>>>;
}

/** What points are told apart by: each gives a point the name of its group. */
export const LEVELS = {
  generation: ({ gpu }) => gpu.generation,
  system: ({ gpu }) => gpu.name,
  backend: ({ backend }) => backend,
  family: ({ family }) => family,
  generationPrecision: ({ gpu, precision }) => `${gpu.generation} ${precision}`,
  backendGeneration: ({ gpu, backend }) => `${backend} ${gpu.generation}`,
  backendPrecision: ({ precision, backend, gpu }) => `${backend} ${gpu.generation} ${precision}`,
  backendFamily: ({ family, backend }) => `${backend} ${family}`,
  backendSystem: ({ gpu, backend }) => `${backend} ${gpu.name}`,
  familyPrecision: ({ family, precision }) => `${family} ${precision}`,
  backendMode: (point) => `${point.backend} ${point.prefill === null ? "agg" : "disagg"}`,
  version: ({ backend, version }) => `${backend} ${version || "unknown"}`,
  versionFamily: ({ backend, version, family, gpu, precision }) =>
    `${backend} ${version} ${family} ${gpu.generation} ${precision}`,
  attention: ({ model }) =>
    [
      ...new Set(
        model.attention.map((kind) => (kind.kind === "mla" && kind.indexer !== null ? "sparse" : kind.kind)),
      ),
    ]
      .sort()
      .join("+"),
  spread: ({ decode, backend }) =>
    `${backend} ${decode.dp > 1 ? "dp" : "tp"} ${decode.ep > 1 ? "ep" : "moe-tp"}`,
} satisfies Record<string, (point: ServingPoint) => string>;

export type LevelKind = keyof typeof LEVELS;

/** All fitted constants, by name. */
export const COMPONENTS = {
  host: {
    meaning: "Seconds of the engine's host work in a decoding step, beside the GPU's",
    unit: "s",
    prior: 0.7e-3,
    spread: 0.49,
    levels: { backend: 0.12, generation: 0.08, version: 0.06 },
  },
  layer: {
    meaning:
      "Seconds of a layer that go neither into memory, nor arithmetic, nor the network: launches, tails, norms",
    unit: "s",
    prior: 25e-6,
    spread: 0.49,
    levels: { backend: 0.08, generation: 0.12, attention: 0.12, backendGeneration: 0.08, family: 0.08 },
  },
  weights: {
    meaning: "Of memory bandwidth, reading weights that are no routed experts'",
    unit: "",
    prior: 0.7,
    spread: 0.14,
    levels: { generation: 0.04, backend: 0.04 },
  },
  experts: {
    meaning: "Of memory bandwidth, reading experts",
    unit: "",
    prior: 0.6,
    spread: 0.21,
    levels: {
      generation: 0.06,
      backend: 0.06,
      generationPrecision: 0.08,
      backendPrecision: 0.08,
      family: 0.06,
    },
  },
  distinct: {
    meaning: "Part of a batch that would hit as many distinct experts if all were equally likely",
    unit: "",
    prior: 0.7,
    spread: 0.21,
    levels: { family: 0.08 },
  },
  cache: {
    meaning: "Of memory bandwidth, reading caches",
    unit: "",
    prior: 0.55,
    spread: 0.21,
    levels: { attention: 0.12, generation: 0.06, backend: 0.08, backendGeneration: 0.08, family: 0.06 },
  },
  decodeFlops: {
    meaning: "Of peak arithmetic in products of decoding steps",
    unit: "",
    prior: 0.35,
    spread: 0.28,
    levels: { generationPrecision: 0.12, backend: 0.08 },
  },
  reduceLatency: {
    meaning: "Seconds of an all-reduce with next to no bytes, per doubling of the group",
    unit: "s",
    prior: 4e-6,
    spread: 0.35,
    levels: { backend: 0.12, generation: 0.08, backendGeneration: 0.08 },
  },
  reduceBandwidth: {
    meaning: "Of the link's bandwidth, all-reducing",
    unit: "",
    prior: 0.5,
    spread: 0.28,
    levels: { backend: 0.08 },
  },
  exchangeLatency: {
    meaning: "Seconds of a dispatch or combine with next to no bytes",
    unit: "s",
    prior: 15e-6,
    spread: 0.35,
    levels: { backend: 0.12, generation: 0.08 },
  },
  exchangeBandwidth: {
    meaning: "Of the link's bandwidth, exchanging tokens between ranks",
    unit: "",
    prior: 0.35,
    spread: 0.35,
    levels: { backend: 0.08 },
  },
  prefillFlops: {
    meaning: "Of peak arithmetic computing prompts",
    unit: "",
    prior: 0.35,
    spread: 0.28,
    levels: {
      generation: 0.08,
      backend: 0.08,
      generationPrecision: 0.12,
      backendPrecision: 0.12,
      family: 0.08,
      backendFamily: 0.08,
    },
  },
  prefillAttention: {
    meaning: "Of BF16 peak arithmetic in the core attention of prompts",
    unit: "",
    prior: 0.4,
    spread: 0.28,
    levels: { attention: 0.12, generation: 0.08, backend: 0.08 },
  },
  prefillLayer: {
    meaning: "Seconds of a layer in a chunk of a prompt, that do not grow with tokens",
    unit: "s",
    prior: 80e-6,
    spread: 0.49,
    levels: { backend: 0.16, generation: 0.08, family: 0.08 },
  },
  interference: {
    meaning: "Seconds that decoding stands still for a second of others' prompts",
    unit: "",
    prior: 1,
    spread: 0.28,
    levels: { backend: 0.12, backendGeneration: 0.08, version: 0.08, backendFamily: 0.08 },
  },
  lockstep: {
    meaning:
      "Part of the prompts of other ranks that hold a rank up by themselves (0: all ranks compute theirs together)",
    unit: "",
    prior: 0.3,
    spread: 0.49,
    levels: { backend: 0.12 },
  },
  tpot: {
    meaning: "Everything of TPOT that the rest misses",
    unit: "",
    prior: 1,
    spread: 0.014,
    levels: {
      version: 0.028,
      system: 0.02,
      backendFamily: 0.028,
      backendSystem: 0.02,
      versionFamily: 0.032,
      spread: 0.028,
      familyPrecision: 0.02,
    },
  },
  first: {
    meaning: "Seconds between a request's arrival and its prompt's start, and back: HTTP, tokens, scheduling",
    unit: "s",
    prior: 0.03,
    spread: 0.7,
    levels: { backendMode: 0.2, backend: 0.16, version: 0.2, generation: 0.08, family: 0.12 },
  },
  own: {
    meaning: "Of the time of one's own prompt, and of a step",
    unit: "",
    prior: 1,
    spread: 0.28,
    levels: { backendMode: 0.12, version: 0.08, backendGeneration: 0.08, backendFamily: 0.08 },
  },
  wait: {
    meaning: "Weight of waiting behind the prompts of others, as their rate has it",
    unit: "",
    prior: 1,
    spread: 0.49,
    levels: { backendMode: 0.16 },
  },
  burst: {
    meaning: "Part of the requests that came at once, at the start",
    unit: "",
    prior: 0.06,
    spread: 0.49,
    levels: { backendMode: 0.16, version: 0.12 },
  },
  admission: {
    meaning:
      "How strictly engines that only answer admit a power of two of requests, as benchmarks set them up (1: always, 0: never)",
    unit: "",
    prior: 0.15,
    spread: 0.7,
    levels: { version: 1, backendPrecision: 0.5 },
  },
  ttft: {
    meaning: "Everything of TTFT that the rest misses",
    unit: "",
    prior: 1,
    spread: 0.014,
    levels: { version: 0.06, versionFamily: 0.08, backendSystem: 0.04, backendFamily: 0.06 },
  },
  room: {
    meaning: "Of memory that weights leave, for caches",
    unit: "",
    prior: 0.93,
    spread: 0.035,
    levels: {},
  },
} satisfies Record<string, Component>;

export type ComponentName = keyof typeof COMPONENTS;
/** Values of a point's constants. */
export type Constants = Record<ComponentName, number>;
export const COMPONENT_NAMES = Object.keys(COMPONENTS) as readonly ComponentName[];
