import {
  addDecode,
  addPrefill,
  noAttentionWork,
  promptPartOf,
  type AttentionWork,
} from "../../../core/cost/attention-work.ts";
import { evenTally } from "../../../core/cost/even-tally.ts";
import { H800, type Hardware } from "../../../core/cost/hardware.ts";
import { type LayerTimes, alternating, pipelined } from "../../../core/cost/overlap.ts";
import { StepCost } from "../../../core/cost/step-cost.ts";
import type { LayerTally } from "../../../model/layer-tally.ts";
import type { MoeModel } from "../../../model/moe-model.ts";
import type { Topology } from "../../../model/topology.ts";
import type { PublishedRow } from "./published-row.ts";

/** SGLang's DeepSeek-V3 on 96 H100 (LMSYS, May 2025): 4 nodes compute prompts, 9 answer, with 288 slots each. */
const PREFILL: Topology = { nodes: 4, gpusPerNode: 8, slotsPerGpu: 9 };
const DECODE: Topology = { nodes: 9, gpusPerNode: 8, slotsPerGpu: 4 };
/** Mean ranks and nodes, other than its own, that a token's experts are on: the V3 gate, i.i.d. scores (Monte Carlo). */
const PREFILL_HOPS = { hops: 6.85 * (31 / 32), nodeHops: 3.12 * (3 / 4) };
const DECODE_HOPS = { hops: 7.48 * (71 / 72), nodeHops: 3.97 * (8 / 9) };
/** Tokens of a rank's step of prompts (DeepSeek's profile data: 4K prompts, 16K tokens per GPU). */
export const STEP_TOKENS = 16_384;

/**
 * Σ maximum ÷ Σ mean load over layers, of DeepSeek-V3's recorded loads (reproduction of the same deployment): as they
 * are spread without looking at them, and placed by EPLB for the same distribution.
 */
const IMBALANCE = {
  // 4K prompts: 256 experts on 32 ranks in order, 8 each; 288 slots by EPLB.
  prefill: { plain: 3.042, eplb: 1.317 },
  // 2K prompts: 288 slots in order; by EPLB.
  decode: { plain: 2.578, eplb: 1.026 },
} as const;

/** Maximum ÷ mean − 1 of three recordings (prompts of 512, 1K and 4K tokens): in order, and placed by EPLB. */
const RECORDED = { plain: (1.081 + 1.289 + 2.042) / 3, eplb: (0.127 + 0.166 + 0.317) / 3 };
/** Tokens that a request gains in a step with multi-token prediction (DeepSeek-V3 report §5.4.3). */
const MTP_TOKENS = 1.8;

interface Phase {
  readonly topology: Topology;
  readonly hops: { readonly hops: number; readonly nodeHops: number };
  /** Of every rank. */
  readonly work: AttentionWork;
  readonly hardware: Hardware;
}

function prefillOf(prompt: number): Phase {
  const work = noAttentionWork();
  for (let i = 0; i < STEP_TOKENS / prompt; i++) addPrefill(work, 0, prompt, []);
  return { topology: PREFILL, hops: PREFILL_HOPS, work, hardware: H800 };
}

function decodeOf(requests: number, context: number): Phase {
  const work = noAttentionWork();
  for (let i = 0; i < requests; i++) addDecode(work, context, []);
  return { topology: DECODE, hops: DECODE_HOPS, work, hardware: H800 };
}

/** The same kernels on an H200, whose memory is faster. */
const H200: Hardware = {
  ...H800,
  name: "h200",
  memoryBytes: 141e9,
  kvBandwidth: H800.kvBandwidth * (4.8 / 3.35),
  weightBandwidth: H800.weightBandwidth * (4.8 / 3.35),
};

/** One MoE layer, seconds: as one batch, and as two overlapping micro-batches. */
interface LayerSeconds {
  readonly inTurn: number;
  readonly overlapped: number;
}

/** What a layer takes in the engine beside, or beyond, its kernels as they are measured alone. */
interface Engine {
  /** Seconds of every micro-batch: norms, rotary, quantization, permutation. */
  readonly added: number;
  /** Seconds that the host takes to launch a micro-batch's kernels: they take no less. */
  readonly launch: number;
  /** Of the experts: tokens are permuted and quantized around them, and groups are of many sizes. */
  readonly experts: number;
  /** Of an exchange: ranks come to it at different times, and share the network with others. */
  readonly exchange: number;
}

const KERNELS: Engine = { added: 0, launch: 0, experts: 1, exchange: 1 };

/** @param imbalance the fullest rank's load over the mean */
function layerSeconds(model: MoeModel, phase: Phase, imbalance: number, engine: Engine): LayerSeconds {
  const { topology, hops, work, hardware } = phase;
  const ranks = [work];
  const cost = new StepCost(model, topology, hardware);
  const promptPart = promptPartOf(ranks);
  const tally = evenTally(topology, { tokensPerRank: work.tokens, topk: model.topk, ...hops });
  fill(tally, topology, imbalance);
  const attention = (cost.fixed(ranks) - cost.outsideMoe(ranks)) / model.moeLayers.length;
  const whole = inEngine({ ...cost.times(tally, work.tokens, promptPart), attention }, engine);
  const halves = cost.halfTimes(tally, work.tokens, cost.halfAttention(ranks)[0], promptPart);
  const overlap = promptPart === 0 ? pipelined : alternating;
  return {
    inTurn: whole.attention + whole.dispatch + whole.experts + whole.combine,
    overlapped: overlap(inEngine(halves, engine)),
  };
}

function inEngine({ attention, dispatch, experts, combine }: LayerTimes, engine: Engine): LayerTimes {
  const computed = engine.experts * experts;
  const waits = Math.max(0, engine.launch - attention - computed);
  return {
    attention: attention + engine.added + waits,
    dispatch: engine.exchange * dispatch,
    experts: computed,
    combine: engine.exchange * combine,
  };
}

/** Gives one rank more. */
function fill(tally: LayerTally, { slotsPerGpu }: Topology, imbalance: number): void {
  tally.gpuLoad[0] = Math.round(tally.gpuLoad[0] * imbalance);
  tally.rankReceives[0] = Math.round(tally.rankReceives[0] * imbalance);
  for (let slot = 0; slot < slotsPerGpu; slot++) tally.slotLoad[slot] *= imbalance;
}

/** Tokens per second of a node, in two micro-batches. The few dense layers count as MoE layers. */
function nodeRate(model: MoeModel, phase: Phase, imbalance: number, engine: Engine): number {
  const { overlapped } = layerSeconds(model, phase, imbalance, engine);
  return (phase.topology.gpusPerNode * phase.work.tokens) / (model.layers * overlapped);
}

/** The value between two for which a falling function comes to what is given. */
function solveFalling(target: number, low: number, high: number, of: (value: number) => number): number {
  let [from, to] = [low, high];
  for (let round = 0; round < 50; round++) {
    const middle = (from + to) / 2;
    if (of(middle) > target) from = middle;
    else to = middle;
  }
  return (from + to) / 2;
}

const SYSTEM = "SGLang, 96 x H100, DeepSeek-V3";
/** Published, tokens per second of a node. */
const PERFECT_PREFILL = 59_337;
const SHORT_PREFILL = 57_674;
const DECODE_RATE = 22_282;
/** Per cent that two micro-batches win at 32 tokens a rank. */
const SMALL_OVERLAP = -27;

/**
 * Constants that each meet one published figure. Prompts keep the GPU busy: what is added grows with their tokens.
 * Decoding waits for the network, and for its host.
 * @param model DeepSeek-V3
 */
export function fittedEngine(model: MoeModel): { readonly prompts: Engine; readonly answers: Engine } {
  const { prefill, decode } = IMBALANCE;
  const perfect = (experts: number): Engine => {
    const added = solveFalling(PERFECT_PREFILL, 0, 0.1, (seconds) =>
      nodeRate(model, prefillOf(4096), 1, { ...KERNELS, experts, added: seconds }),
    );
    return { ...KERNELS, experts, added };
  };
  const experts = solveFalling(SHORT_PREFILL, 1, 3, (slower) =>
    nodeRate(model, prefillOf(1024), prefill.eplb, perfect(slower)),
  );
  const exchange = solveFalling(DECODE_RATE, 1, 10, (slower) =>
    nodeRate(model, decodeOf(256, 2000), decode.eplb, { ...KERNELS, exchange: slower }),
  );
  const launch = solveFalling(SMALL_OVERLAP, 0, 0.01, (seconds) =>
    overlapGain(model, decodeOf(32, 2000), decode.eplb, { ...KERNELS, exchange, launch: seconds }),
  );
  return { prompts: perfect(experts), answers: { ...KERNELS, exchange, launch } };
}

/** Per cent that two micro-batches win. */
function overlapGain(model: MoeModel, phase: Phase, imbalance: number, engine: Engine): number {
  const { inTurn, overlapped } = layerSeconds(model, phase, imbalance, engine);
  return 100 * (inTurn / overlapped - 1);
}

/** @param model DeepSeek-V3 */
export function wideEpRows(model: MoeModel): PublishedRow[] {
  const { prefill, decode } = IMBALANCE;
  const longPrompts = prefillOf(4096);
  const fullBatch = decodeOf(256, 2000);
  const { prompts, answers } = fittedEngine(model);
  const prefillRate = (phase: Phase, ratio: number) => nodeRate(model, phase, ratio, prompts);
  const decodeRate = (ratio: number) => nodeRate(model, fullBatch, ratio, answers);
  const gain = (phase: Phase, ratio: number, engine: Engine) => overlapGain(model, phase, ratio, engine);
  const row = (
    id: string,
    what: string,
    unit: string,
    published: number,
    predicted: number,
    how: string,
    fitted = false,
  ): PublishedRow => ({ id, system: SYSTEM, what, unit, published, predicted, fitted, how });
  const perNode = "tokens/s per node";
  const ofKernels =
    "experts and exchanges as DeepGEMM and DeepEP measure them, with what the engine adds; EPLB leaves 1.32 times the mean on the fullest rank";
  const pipeline = "five stages of halves, with the exchanges and the host as fitted";
  return [
    row(
      "prefill-perfect",
      "prefill EP32, 4K prompts, experts perfectly balanced",
      perNode,
      PERFECT_PREFILL,
      prefillRate(longPrompts, 1),
      `fitted: half a step of a layer takes ${(1e3 * prompts.added).toFixed(1)} ms beside its kernels`,
      true,
    ),
    row(
      "prefill-1k",
      "prefill EP32, 1K prompts",
      perNode,
      SHORT_PREFILL,
      prefillRate(prefillOf(1024), prefill.eplb),
      `fitted: experts take ${prompts.experts.toFixed(2)} times as long as DeepGEMM's products alone`,
      true,
    ),
    row(
      "prefill-2k",
      "prefill EP32, 2K prompts",
      perNode,
      54_543,
      prefillRate(prefillOf(2048), prefill.eplb),
      ofKernels,
    ),
    row(
      "prefill-4k",
      "prefill EP32, 4K prompts",
      perNode,
      50_302,
      prefillRate(longPrompts, prefill.eplb),
      ofKernels,
    ),
    row(
      "perfect-gain",
      "perfect balance against EPLB, prefill 4K",
      "%",
      100 * (PERFECT_PREFILL / 50_302 - 1),
      100 * (prefillRate(longPrompts, 1) / prefillRate(longPrompts, prefill.eplb) - 1),
      ofKernels,
    ),
    row(
      "eplb-prefill",
      "EPLB against none, prefill",
      "x",
      1.49,
      prefillRate(longPrompts, prefill.eplb) / prefillRate(longPrompts, prefill.plain),
      "recorded loads: the fullest rank has 3.04 times the mean without, 1.32 with EPLB",
    ),
    row(
      "overlap-prefill",
      "two micro-batches, prefill (27 to 35)",
      "%",
      31,
      gain(longPrompts, prefill.eplb, prompts),
      "attention, dispatch, experts, combine of halves, alternating",
    ),
    row(
      "decode",
      "decode EP72, 2K context, 256 requests per GPU",
      perNode,
      DECODE_RATE,
      decodeRate(decode.eplb),
      `fitted: exchanges take ${answers.exchange.toFixed(2)} times as long as DeepEP's alone`,
      true,
    ),
    row(
      "eplb-decode",
      "EPLB against none, decode",
      "x",
      2.54,
      decodeRate(decode.eplb) / decodeRate(decode.plain),
      "recorded loads: the fullest rank has 2.58 times the mean without, 1.03 with EPLB",
    ),
    row(
      "overlap-decode-256",
      "two micro-batches, decode at 256 tokens",
      "%",
      25.5,
      gain(fullBatch, decode.eplb, answers),
      pipeline,
    ),
    row(
      "overlap-decode-32",
      "two micro-batches, decode at 32 tokens",
      "%",
      SMALL_OVERLAP,
      gain(decodeOf(32, 2000), decode.eplb, answers),
      `fitted: the host takes ${(1e6 * answers.launch).toFixed(0)} us to launch a micro-batch of a layer`,
      true,
    ),
    row(
      "decode-itl",
      "time between tokens, decode at 256 requests per GPU (about)",
      "ms",
      100,
      1000 * model.layers * layerSeconds(model, fullBatch, decode.eplb, answers).overlapped,
      "the step of the decode row",
    ),
    row(
      "decode-mtp",
      "decode EP72, 4K context, multi-token prediction",
      perNode,
      17_373,
      MTP_TOKENS * 0.5 * nodeRate(model, decodeOf(256, 4000), decode.eplb, answers),
      "assumed: 128 requests per GPU, two tokens of each in a step, 1.8 accepted",
    ),
    {
      ...row(
        "vllm-wide-ep",
        "decode, wide EP",
        "tokens/s per GPU",
        2200,
        nodeRate(model, { ...fullBatch, hardware: H200 }, decode.eplb, answers) / 8,
        "assumed: the batch, context, exchanges and host of SGLang's decode, on H200",
      ),
      system: "vLLM, H200",
    },
    ...[
      { id: "plain", what: "without EPLB", published: 1.564, predicted: RECORDED.plain },
      { id: "eplb", what: "with EPLB, 32 ranks x 9 slots", published: 0.109, predicted: RECORDED.eplb },
    ].map(({ id, what, published, predicted }) => ({
      ...row(
        `imbalance-${id}`,
        `imbalance (maximum / mean - 1) ${what}`,
        "",
        published,
        predicted,
        "mean of three recorded loads of prompts, another traffic than theirs",
      ),
      system: "TensorRT-LLM, 32 GB200",
    })),
  ];
}
