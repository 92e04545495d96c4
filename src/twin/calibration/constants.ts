import type { ServingPoint } from "./serving-point.ts";

/**
 * A fitted constant: a base with a meaning, times a factor for each level that a point has. Logarithms of both are
 * normal beforehand: the base around `prior` within `spread`, factors around 1 within `levels`' spreads, so that a level
 * with few points stays near 1.
 */
export interface Component {
  readonly prior: number;
  readonly spread: number;
  readonly levels: Readonly<Partial<Record<LevelKind, number>>>;
}

export const LEVELS = {
  generation: ({ gpu }) => gpu.generation,
  system: ({ gpu }) => gpu.name,
  backend: ({ backend }) => backend,
  family: ({ family }) => family,
  precision: ({ precision }) => precision,
  generationPrecision: ({ gpu, precision }) => `${gpu.generation} ${precision}`,
  backendGeneration: ({ gpu, backend }) => `${backend} ${gpu.generation}`,
  backendPrecision: ({ precision, backend, gpu }) => `${backend} ${gpu.generation} ${precision}`,
  backendFamily: ({ family, backend }) => `${backend} ${family}`,
  backendSystem: ({ gpu, backend }) => `${backend} ${gpu.name}`,
  familyPrecision: ({ family, precision }) => `${family} ${precision}`,
  backendMode: (point) => `${point.backend} ${point.prefill === null ? "agg" : "disagg"}`,
  mode: (point) => (point.prefill === null ? "agg" : "disagg"),
  version: ({ backend, version }) => `${backend} ${version || "unknown"}`,
  versionFamily: ({ backend, version, family, gpu, precision }) => `${backend} ${version} ${family} ${gpu.generation} ${precision}`,
  attention: ({ model }) =>
    model.attention
      .map((kind) => (kind.kind === "mla" && kind.indexer !== null ? "sparse" : kind.kind))
      .sort()
      .join("+"),
  spread: ({ decode, backend }) => `${backend} ${decode.dp > 1 ? "dp" : "tp"} ${decode.ep > 1 ? "ep" : "moe-tp"}`,
} satisfies Record<string, (point: ServingPoint) => string>;

export type LevelKind = keyof typeof LEVELS;

export const COMPONENTS = {
  /** Seconds of the engine's host work in a decoding step, beside the GPU's. */
  host: { prior: 0.7e-3, spread: 0.7, levels: { backend: 0.3, generation: 0.2, version: 0.15 } },
  /** Seconds of a layer that go neither into memory, nor arithmetic, nor the network: launches, tails, norms. */
  layer: { prior: 25e-6, spread: 0.7, levels: { backend: 0.2, generation: 0.3, attention: 0.3, backendGeneration: 0.2, family: 0.2 } },
  /** Of memory bandwidth, reading weights that are no routed experts'. */
  weights: { prior: 0.7, spread: 0.2, levels: { generation: 0.1, backend: 0.1 } },
  /** Of memory bandwidth, reading experts. */
  experts: { prior: 0.6, spread: 0.3, levels: { generation: 0.15, backend: 0.15, generationPrecision: 0.2, backendPrecision: 0.2, family: 0.15 } },
  /** Tokens that hit as many distinct experts as one token would if all were equally likely. */
  distinct: { prior: 0.7, spread: 0.3, levels: { family: 0.2 } },
  /** Of memory bandwidth, reading caches. */
  cache: { prior: 0.55, spread: 0.3, levels: { attention: 0.3, generation: 0.15, backend: 0.2, backendGeneration: 0.2, family: 0.15 } },
  /** Of peak arithmetic in products of decoding steps. */
  decodeFlops: { prior: 0.35, spread: 0.4, levels: { generationPrecision: 0.3, backend: 0.2 } },
  /** Seconds of an all-reduce with next to no bytes, per doubling of the group. */
  reduceLatency: { prior: 4e-6, spread: 0.5, levels: { backend: 0.3, generation: 0.2, backendGeneration: 0.2 } },
  /** Of the link's bandwidth, all-reducing. */
  reduceBandwidth: { prior: 0.5, spread: 0.4, levels: { backend: 0.2 } },
  /** Seconds of a dispatch or combine with next to no bytes. */
  exchangeLatency: { prior: 15e-6, spread: 0.5, levels: { backend: 0.3, generation: 0.2 } },
  exchangeBandwidth: { prior: 0.35, spread: 0.5, levels: { backend: 0.2 } },
  /** Of peak arithmetic computing prompts. */
  prefillFlops: { prior: 0.35, spread: 0.4, levels: { generation: 0.2, backend: 0.2, generationPrecision: 0.3, backendPrecision: 0.3, family: 0.2, backendFamily: 0.2 } },
  /** Of BF16 peak arithmetic in the core attention of prompts. */
  prefillAttention: { prior: 0.4, spread: 0.4, levels: { attention: 0.3, generation: 0.2, backend: 0.2 } },
  /** Seconds of a layer in a chunk of a prompt, that do not grow with tokens. */
  prefillLayer: { prior: 80e-6, spread: 0.7, levels: { backend: 0.4, generation: 0.2, family: 0.2 } },
  /** Seconds that decoding stands still for a second of others' prompts. */
  interference: { prior: 1, spread: 0.4, levels: { backend: 0.3, backendGeneration: 0.2, version: 0.2, backendFamily: 0.2 } },
  /** Power of the ranks by which prompts of other ranks hold up all (1: each alone, 0: together). */
  lockstep: { prior: 0.3, spread: 0.7, levels: { backend: 0.3 } },
  /** Everything of TPOT that the rest misses. */
  tpot: { prior: 1, spread: 0.02, levels: { version: 0.07, system: 0.05, backendFamily: 0.07, backendSystem: 0.05, versionFamily: 0.08, spread: 0.07, familyPrecision: 0.05 } },
  /** Seconds between a request's arrival and its prompt's start, and back: HTTP, tokens, scheduling. */
  first: { prior: 0.03, spread: 1, levels: { backendMode: 0.5, backend: 0.4, version: 0.5, generation: 0.2, family: 0.3 } },
  /** Of a prompt's own time and a step. */
  own: { prior: 1, spread: 0.4, levels: { backendMode: 0.3, version: 0.2, backendGeneration: 0.2, backendFamily: 0.2 } },
  /** Weight of waiting at the rate of arrivals. */
  wait: { prior: 1, spread: 0.7, levels: { backendMode: 0.4 } },
  /** Part of the requests that came at once, at the start. */
  burst: { prior: 0.06, spread: 0.7, levels: { backendMode: 0.4, version: 0.3 } },
  /** Everything of TTFT that the rest misses. */
  ttft: { prior: 1, spread: 0.02, levels: { version: 0.15, versionFamily: 0.2, backendSystem: 0.1, backendFamily: 0.15 } },
  /** Of memory that weights leave, for caches. */
  room: { prior: 0.93, spread: 0.05, levels: {} },
} satisfies Record<string, Component>;

export type ComponentName = keyof typeof COMPONENTS;
/** Values of a point's constants. */
export type Constants = Record<ComponentName, number>;
export const COMPONENT_NAMES = Object.keys(COMPONENTS) as readonly ComponentName[];
