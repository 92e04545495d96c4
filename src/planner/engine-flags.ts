import type { Parallelism } from "../twin/calibration/serving-point.ts";
import { gpusOf } from "./layout.ts";

/** How an engine is started, as far as a plan decides it. */
export interface EngineStart {
  readonly shape: Parallelism;
  readonly stepTokens: number;
  /** Requests that a rank runs at most. */
  readonly running: number;
  readonly redundantExperts: number;
  readonly experts: number;
}

export interface EngineFlags {
  readonly vllm: string;
  readonly sglang: string;
  /** TensorRT-LLM takes the rest of its options from a file (`--extra_llm_api_options`). */
  readonly trtllm: string;
  readonly trtllmOptions: string;
}

/** The same start in the words of three engines. */
export function engineFlags(start: EngineStart): EngineFlags {
  const { shape, stepTokens, running, redundantExperts, experts } = start;
  const { tp, dp, ep, moeTp } = shape;
  const gpus = gpusOf(shape);
  const spread = ep > 1;
  const redundant = redundantExperts > 0;
  const join = (...parts: readonly (string | false)[]) => parts.filter((part) => part !== false).join(" ");
  return {
    vllm: join(
      `--tensor-parallel-size ${tp}`,
      dp > 1 && `--data-parallel-size ${dp}`,
      spread && "--enable-expert-parallel",
      `--max-num-batched-tokens ${stepTokens}`,
      `--max-num-seqs ${running}`,
      redundant && `--enable-eplb --eplb-config '{"num_redundant_experts":${redundantExperts}}'`,
    ),
    // SGLang counts the GPUs of all ranks as its TP size, and limits of all ranks together.
    sglang: join(
      `--tp-size ${gpus}`,
      dp > 1 && `--dp-size ${dp} --enable-dp-attention`,
      spread && `--ep-size ${ep}`,
      `--chunked-prefill-size ${stepTokens * dp}`,
      `--max-running-requests ${running * dp}`,
      redundant && `--enable-eplb --ep-num-redundant-experts ${redundantExperts}`,
    ),
    trtllm: join(
      `--tp_size ${gpus}`,
      spread && `--ep_size ${ep}`,
      `--max_num_tokens ${stepTokens}`,
      `--max_batch_size ${running}`,
      "--extra_llm_api_options options.yaml",
    ),
    trtllmOptions: [
      `enable_attention_dp: ${dp > 1}`,
      `moe_expert_parallel_size: ${ep}`,
      `moe_tensor_parallel_size: ${moeTp}`,
      ...(redundant
        ? [
            "moe_config:",
            "  load_balancer:",
            `    num_slots: ${experts + redundantExperts}`,
            "    layer_updates_per_iter: 1",
          ]
        : []),
    ].join("\n"),
  };
}
