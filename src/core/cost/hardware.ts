import type { ExchangeTable } from "./exchange-table.ts";

/**
 * What one GPU and its network do per second. Every figure with its source; bytes and floating-point operations per second.
 *
 * Two kinds of these are around. `H800` has what kernels reach that DeepSeek publishes, each measured by itself: nothing
 * is fixed, and whatever an engine takes beside its kernels is missing. Those of `twin/calibration/gpu-hardware.ts`
 * have a maker's peaks times constants fitted to whole engines: what is lost between kernels is in their efficiencies
 * and in `fixed`. Figures of the two do not mix.
 */
export interface Hardware {
  readonly name: string;
  readonly memoryBytes: number;
  /** Part of the memory that an engine gives to weights and cache. */
  readonly memoryPart: number;
  /** FP8 products of the attention projections and the dense layers, with many tokens. */
  readonly projectionFlops: number;
  /** FP8 grouped products over the experts of one GPU, with many tokens. */
  readonly expertFlops: number;
  /** BF16 core attention when compute-bound. */
  readonly attentionFlops: number;
  /** Rates of products in other formats than FP8, in FP8's. Without FP4 units such weights become BF16 before. */
  readonly formatRates: { readonly bf16: number; readonly fp4: number };
  /** Rate of prompts' products, in that of answers'. */
  readonly promptRate: number;
  /** How reading a product's weights and multiplying overlap: the exponent of the norm of the two. Infinity: wholly. */
  readonly overlapNorm: number;
  /** Reads of weights when a product has few tokens. */
  readonly weightBandwidth: number;
  /** Rate of reading routed experts, in that of other weights. */
  readonly expertReading: number;
  /** The product that makes logits, in BF16. */
  readonly head: { readonly flops: number; readonly bandwidth: number };
  /** Reads of the key-value cache. */
  readonly kvBandwidth: number;
  /** Between GPUs of one node, per GPU and direction. */
  readonly nvlinkBandwidth: number;
  /** Between nodes, per GPU and direction. */
  readonly rdmaBandwidth: number;
  /** GPUs that are within `nvlinkBandwidth` of each other, whatever a topology calls nodes. 1: those of a node. */
  readonly domainGpus: number;
  /** All-reduces: seconds with next to no bytes per doubling of the group, and bytes per second, of groups on several nodes too. */
  readonly reduce: { readonly latency: number; readonly bandwidth: number; readonly betweenNodes: number };
  /** Low-latency all-to-all, by EP size. */
  readonly lowLatency: readonly LowLatencyPoint[];
  /** Least time of a low-latency dispatch and combine, µs: what one token costs. */
  readonly lowLatencyFloorUs: { readonly dispatch: number; readonly combine: number };
  /** The same of the normal kernels: what they take beside moving bytes. */
  readonly normalFloorUs: { readonly dispatch: number; readonly combine: number };
  /** Kernels as measured by ranks and tokens, in place of the above from its fewest ranks on; null where there are none. */
  readonly exchangeTable: ExchangeTable | null;
  /** What either kind of kernel takes more for each doubling of its ranks, µs. */
  readonly exchangeDoublingUs: number;
  /** Seconds that go neither into memory, nor arithmetic, nor the network: launches, tails, norms, the host. */
  readonly fixed: {
    /** Of a step in which anything decodes. */
    readonly step: number;
    /** Of a layer where anything decodes, and where there are prompts. */
    readonly layer: number;
    readonly promptLayer: number;
    /**
     * That the host of a rank takes to launch the kernels of a layer's micro-batch, where ranks exchange tokens: what
     * they compute between exchanges takes no less.
     */
    readonly launch: number;
    /** Of a prompt's token in a layer: norms, rotary embeddings, quantization, permutation. */
    readonly promptToken: number;
  };
  /** Streaming multiprocessors in all, and those that the normal kernels keep while they overlap with arithmetic. */
  readonly multiprocessors: { readonly all: number; readonly exchange: number };
}

/** DeepEP's low-latency kernels at `LOW_LATENCY_BATCH` tokens per rank, top-8, hidden 7168, FP8 dispatch, BF16 combine. */
interface LowLatencyPoint {
  readonly ranks: number;
  readonly dispatchUs: number;
  readonly combineUs: number;
}

/** Tokens per rank in DeepEP's low-latency table; above it, engines use the normal kernels. */
export const LOW_LATENCY_BATCH = 128;
/** Selections per token in the same table. */
export const LOW_LATENCY_TOPK = 8;
/** Bytes of its messages, one a selection. */
export const LOW_LATENCY_BYTES = { dispatch: 7408, combine: 14_336 };

/** One H800 with NVLink and one 400 Gb/s ConnectX-7, the machine of DeepSeek's published figures. */
export const H800: Hardware = {
  name: "h800",
  // NVIDIA data sheet: 80 GB.
  memoryBytes: 80e9,
  // SGLang's `--mem-fraction-static` for DeepSeek-V3.
  memoryPart: 0.85,
  // DeepGEMM README (first release, H800 SXM), M = 4096: 1058, 990, 590 and 1358 TFLOPS for the four MLA
  // projections [N × K] 2112 × 7168, 24576 × 1536, 32768 × 512, 7168 × 16384, weighted by their work.
  projectionFlops: 1118e12,
  // The same, grouped, 8 groups of 4096: 1288 TFLOPS for 4096 × 7168 (two thirds of the work), 1093 for 7168 × 2048.
  expertFlops: 1215e12,
  // FlashMLA README, H800 SXM5: 660 TFLOPS where compute-bound, 3000 GB/s where memory-bound.
  attentionFlops: 660e12,
  kvBandwidth: 3000e9,
  head: { flops: 660e12, bandwidth: 3000e9 },
  // Data sheet: BF16 has half of FP8's peak, and Hopper no FP4.
  formatRates: { bf16: 1 / 2, fp4: 1 / 2 },
  promptRate: 1,
  overlapNorm: Number.POSITIVE_INFINITY,
  // DeepGEMM README, M = 64: 2320 and 2470 GB/s for the two shapes of an expert.
  weightBandwidth: 2370e9,
  expertReading: 1,
  // ISCA'25 §4.3: NVLink 200 GB/s nominal, 160 achieved; InfiniBand 50 nominal, 40 effective.
  nvlinkBandwidth: 160e9,
  rdmaBandwidth: 40e9,
  domainGpus: 1,
  // Of the same links. The latency is the serving points' (config/calibration/serving.json, reduceLatency).
  reduce: { latency: 3.2e-6, bandwidth: 160e9, betweenNodes: 40e9 },
  // DeepEP README, low-latency kernels, H800 + CX7 InfiniBand.
  lowLatency: [
    { ranks: 8, dispatchUs: 77, combineUs: 114 },
    { ranks: 16, dispatchUs: 118, combineUs: 195 },
    { ranks: 32, dispatchUs: 155, combineUs: 273 },
    { ranks: 64, dispatchUs: 173, combineUs: 314 },
    { ranks: 128, dispatchUs: 192, combineUs: 369 },
    { ranks: 256, dispatchUs: 194, combineUs: 360 },
  ],
  // AIConfigurator's H100 table of DeepEP low-latency at one token, hidden 7168, 256 experts.
  lowLatencyFloorUs: { dispatch: 16.3, combine: 12.2 },
  // Its table of the normal kernels, likewise, two nodes, 20 SMs: transmission and notification.
  normalFloorUs: { dispatch: 26.8 + 31.6, combine: 50.9 + 33.1 },
  exchangeTable: null,
  exchangeDoublingUs: 0,
  // Kernels by themselves.
  fixed: { step: 0, layer: 0, promptLayer: 0, launch: 0, promptToken: 0 },
  // DeepSeek-V3 report §3.2.2. The low-latency kernels keep none while they wait (DeepEP README, receive hook).
  multiprocessors: { all: 132, exchange: 20 },
};

/**
 * What kernels take in an engine, in what they take alone: fitted to what SGLang publishes of DeepSeek-V3 on 96 H100
 * (`twin/calibration/published/wide-ep-engine.ts`; a test compares). Tokens are permuted and quantized around experts, whose
 * groups are of many sizes; ranks come to an exchange at different times, and share the network with others; hosts
 * launch every micro-batch.
 */
export const IN_ENGINE = { experts: 1.33, lowLatency: 1.47, promptToken: 0.51e-6, launch: 478e-6 };

/** An H800 as an engine uses it: `H800` alone would have a pool carry a quarter more than pools are seen to. */
export const ENGINE_H800: Hardware = {
  ...H800,
  expertFlops: H800.expertFlops / IN_ENGINE.experts,
  lowLatency: H800.lowLatency.map(({ ranks, dispatchUs, combineUs }) => ({
    ranks,
    dispatchUs: dispatchUs * IN_ENGINE.lowLatency,
    combineUs: combineUs * IN_ENGINE.lowLatency,
  })),
  lowLatencyFloorUs: {
    dispatch: H800.lowLatencyFloorUs.dispatch * IN_ENGINE.lowLatency,
    combine: H800.lowLatencyFloorUs.combine * IN_ENGINE.lowLatency,
  },
  fixed: { ...H800.fixed, promptToken: IN_ENGINE.promptToken, launch: IN_ENGINE.launch },
};

/** A measured point for this many ranks, interpolated in log₂(ranks); the ends hold outside the table. */
export function lowLatencyPoint(
  hardware: Hardware,
  ranks: number,
): { dispatchUs: number; combineUs: number } {
  const table = hardware.lowLatency;
  const above = table.findIndex((point) => point.ranks >= ranks);
  if (above === 0) return table[0];
  if (above < 0) return table[table.length - 1];
  const low = table[above - 1];
  const high = table[above];
  const t = Math.log2(ranks / low.ranks) / Math.log2(high.ranks / low.ranks);
  return {
    dispatchUs: low.dispatchUs + t * (high.dispatchUs - low.dispatchUs),
    combineUs: low.combineUs + t * (high.combineUs - low.combineUs),
  };
}
