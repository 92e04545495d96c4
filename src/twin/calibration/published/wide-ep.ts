import { H800, type Hardware } from "../../../core/cost/hardware.ts";
import type { MoeModel } from "../../../model/moe-model.ts";
import type { PublishedRow } from "./published-row.ts";
import {
  IMBALANCE,
  PERFECT_PREFILL,
  SHORT_PREFILL,
  DECODE_RATE,
  SMALL_OVERLAP,
  prefillOf,
  decodeOf,
  layerSeconds,
  nodeRate,
  overlapGain,
  fittedEngine,
  type Engine,
  type Phase,
} from "./wide-ep-engine.ts";

/** Maximum ÷ mean − 1 of three recordings (prompts of 512, 1K and 4K tokens): in order, and placed by EPLB. */
const RECORDED = { plain: (1.081 + 1.289 + 2.042) / 3, eplb: (0.127 + 0.166 + 0.317) / 3 };
/** Tokens that a request gains in a step with multi-token prediction (DeepSeek-V3 report §5.4.3). */
const MTP_TOKENS = 1.8;

/** The same kernels on an H200, whose memory is faster. */
const H200: Hardware = {
  ...H800,
  name: "h200",
  memoryBytes: 141e9,
  kvBandwidth: H800.kvBandwidth * (4.8 / 3.35),
  weightBandwidth: H800.weightBandwidth * (4.8 / 3.35),
};

const SYSTEM = "SGLang, 96 x H100, DeepSeek-V3";

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
