import {
  addDecode,
  addPrefill,
  noAttentionWork,
  type AttentionWork,
} from "../../../core/cost/attention-work.ts";
import { evenTally } from "../../../core/cost/even-tally.ts";
import { H800 } from "../../../core/cost/hardware.ts";
import { PassTime } from "../../../core/cost/pass-time.ts";
import { StepCost } from "../../../core/cost/step-cost.ts";
import type { LayerTally } from "../../../model/layer-tally.ts";
import type { MoeModel } from "../../../model/moe-model.ts";
import { type Topology, gpuCount } from "../../../model/topology.ts";
import type { PublishedRow } from "./published-row.ts";

/** SGLang's DeepSeek-V3 on 96 H100 (LMSYS, May 2025): 4 nodes compute prompts, 9 answer, with 288 slots each. */
const PREFILL: Topology = { nodes: 4, gpusPerNode: 8, slotsPerGpu: 9 };
const DECODE: Topology = { nodes: 9, gpusPerNode: 8, slotsPerGpu: 4 };
/** Mean ranks and nodes, other than its own, that a token's experts are on: the V3 gate, i.i.d. scores (Monte Carlo). */
const PREFILL_HOPS = { hops: 6.85 * (31 / 32), nodeHops: 3.12 * (3 / 4) };
const DECODE_HOPS = { hops: 7.48 * (71 / 72), nodeHops: 3.97 * (8 / 9) };
/** Tokens of a rank's step of prompts (DeepSeek's profile data: 4K prompts, 16K tokens per GPU). */
const STEP_TOKENS = 16_384;

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

interface Phase {
  readonly topology: Topology;
  readonly hops: { readonly hops: number; readonly nodeHops: number };
  /** Of every rank. */
  readonly work: AttentionWork;
}

function prefillOf(prompt: number): Phase {
  const work = noAttentionWork();
  for (let i = 0; i < STEP_TOKENS / prompt; i++) addPrefill(work, 0, prompt, []);
  return { topology: PREFILL, hops: PREFILL_HOPS, work };
}

function decodeOf(requests: number, context: number): Phase {
  const work = noAttentionWork();
  for (let i = 0; i < requests; i++) addDecode(work, context, []);
  return { topology: DECODE, hops: DECODE_HOPS, work };
}

/** The time of a pass in which the fullest rank has so many times the mean load, and what overlapping wins in it. */
function passOf(model: MoeModel, { topology, hops, work }: Phase, imbalance: number): PassTime {
  const ranks = Array.from({ length: gpuCount(topology) }, () => work);
  const time = new PassTime(new StepCost(model, topology, H800), ranks);
  const tally = evenTally(topology, { tokensPerRank: work.tokens, topk: model.topk, ...hops });
  fill(tally, topology, imbalance);
  for (let layer = 0; layer < model.moeLayers.length; layer++) time.add(tally);
  return time;
}

/** Gives one rank more. */
function fill(tally: LayerTally, { slotsPerGpu }: Topology, imbalance: number): void {
  tally.gpuLoad[0] = Math.round(tally.gpuLoad[0] * imbalance);
  tally.rankReceives[0] = Math.round(tally.rankReceives[0] * imbalance);
  for (let slot = 0; slot < slotsPerGpu; slot++) tally.slotLoad[slot] *= imbalance;
}

/** Two micro-batches are used for all but the smallest batches: whichever is faster. */
function nodeRate(model: MoeModel, phase: Phase, imbalance: number): number {
  return (phase.topology.gpusPerNode * phase.work.tokens) / passOf(model, phase, imbalance).seconds;
}

const SYSTEM = "SGLang, 96 x H100, DeepSeek-V3";

/** @param model DeepSeek-V3 */
export function wideEpRows(model: MoeModel): PublishedRow[] {
  const { prefill, decode } = IMBALANCE;
  const perfect = nodeRate(model, prefillOf(4096), 1);
  // What the engine reaches of a pass of nothing but kernels: from the two figures with perfectly balanced experts.
  const engine = {
    prefill: 59_337 / perfect,
    decode: 22_282 / nodeRate(model, decodeOf(256, 2000), decode.eplb),
  };
  const prefillRate = (prompt: number) => engine.prefill * nodeRate(model, prefillOf(prompt), prefill.eplb);
  const gain = (phase: Phase, ratio: number) => 100 * passOf(model, phase, ratio).gain;
  const row = (
    id: string,
    what: string,
    unit: string,
    published: number,
    predicted: number,
    how: string,
    fitted = false,
  ): PublishedRow => ({ id, system: SYSTEM, what, unit, published, predicted, fitted, how });
  const ofKernels = "kernels of one pass, times what the engine reaches with perfect balance";
  return [
    row(
      "prefill-perfect",
      "prefill EP32, 4K prompts, experts perfectly balanced",
      "tokens/s per node",
      59_337,
      engine.prefill * perfect,
      `what the engine reaches is fitted here: ${engine.prefill.toFixed(2)} of the kernels' own rate`,
      true,
    ),
    row("prefill-1k", "prefill EP32, 1K prompts", "tokens/s per node", 57_674, prefillRate(1024), ofKernels),
    row("prefill-2k", "prefill EP32, 2K prompts", "tokens/s per node", 54_543, prefillRate(2048), ofKernels),
    row("prefill-4k", "prefill EP32, 4K prompts", "tokens/s per node", 50_302, prefillRate(4096), ofKernels),
    row(
      "perfect-gain",
      "perfect balance against EPLB, prefill 4K",
      "%",
      100 * (59_337 / 50_302 - 1),
      100 * (perfect / nodeRate(model, prefillOf(4096), prefill.eplb) - 1),
      "EPLB leaves 1.32 times the mean on the fullest rank of recorded loads",
    ),
    row(
      "decode",
      "decode EP72, 2K context, 256 requests per GPU",
      "tokens/s per node",
      22_282,
      22_282,
      `what the engine reaches is fitted here: ${engine.decode.toFixed(2)} of the kernels' own rate`,
      true,
    ),
    row(
      "eplb-prefill",
      "EPLB against none, prefill",
      "x",
      1.49,
      nodeRate(model, prefillOf(4096), prefill.eplb) / nodeRate(model, prefillOf(4096), prefill.plain),
      "recorded loads: fullest rank 3.04 times the mean without, 1.32 with EPLB",
    ),
    row(
      "eplb-decode",
      "EPLB against none, decode",
      "x",
      2.54,
      nodeRate(model, decodeOf(256, 2000), decode.eplb) / nodeRate(model, decodeOf(256, 2000), decode.plain),
      "recorded loads: fullest rank 2.58 times the mean without, 1.03 with EPLB",
    ),
    row(
      "overlap-prefill",
      "two micro-batches, prefill (published 27 to 35)",
      "%",
      31,
      gain(prefillOf(4096), prefill.eplb),
      "attention, dispatch, experts, combine of halves, alternating",
    ),
    row(
      "overlap-decode-256",
      "two micro-batches, decode at 256 tokens",
      "%",
      25.5,
      gain(decodeOf(256, 2000), decode.eplb),
      "five stages of halves, each reading all weights",
    ),
    row(
      "overlap-decode-32",
      "two micro-batches, decode at 32 tokens",
      "%",
      -27,
      gain(decodeOf(32, 2000), decode.eplb),
      "five stages of halves, each reading all weights",
    ),
  ];
}
