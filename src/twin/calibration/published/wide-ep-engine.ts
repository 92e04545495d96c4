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
export const IMBALANCE = {
  // 4K prompts: 256 experts on 32 ranks in order, 8 each; 288 slots by EPLB.
  prefill: { plain: 3.042, eplb: 1.317 },
  // 2K prompts: 288 slots in order; by EPLB.
  decode: { plain: 2.578, eplb: 1.026 },
} as const;

/** A step of a published profile: prompts alone or answers alone. */
export interface Phase {
  readonly topology: Topology;
  readonly hops: { readonly hops: number; readonly nodeHops: number };
  /** Of every rank. */
  readonly work: AttentionWork;
  readonly hardware: Hardware;
}

/** A full step of prompts. @param prompt tokens of each */
export function prefillOf(prompt: number): Phase {
  const work = noAttentionWork();
  for (let i = 0; i < STEP_TOKENS / prompt; i++) addPrefill(work, 0, prompt, []);
  return { topology: PREFILL, hops: PREFILL_HOPS, work, hardware: H800 };
}

export function decodeOf(requests: number, context: number): Phase {
  const work = noAttentionWork();
  for (let i = 0; i < requests; i++) addDecode(work, context, []);
  return { topology: DECODE, hops: DECODE_HOPS, work, hardware: H800 };
}

/** One MoE layer, seconds: as one batch, and as two overlapping micro-batches. */
interface LayerSeconds {
  readonly inTurn: number;
  readonly overlapped: number;
}

/** What a layer takes in the engine beside, or beyond, its kernels as they are measured alone. */
export interface Engine {
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
export function layerSeconds(model: MoeModel, phase: Phase, imbalance: number, engine: Engine): LayerSeconds {
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
export function nodeRate(model: MoeModel, phase: Phase, imbalance: number, engine: Engine): number {
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

/** Published, tokens per second of a node. */
export const PERFECT_PREFILL = 59_337;
export const SHORT_PREFILL = 57_674;
export const DECODE_RATE = 22_282;
/** Per cent that two micro-batches win at 32 tokens a rank. */
export const SMALL_OVERLAP = -27;

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
export function overlapGain(model: MoeModel, phase: Phase, imbalance: number, engine: Engine): number {
  const { inTurn, overlapped } = layerSeconds(model, phase, imbalance, engine);
  return 100 * (inTurn / overlapped - 1);
}
