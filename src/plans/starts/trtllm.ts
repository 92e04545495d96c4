import { gpusOf } from "../../planner/layout.ts";
import { type EngineStart, SERVER_PORT, type StartWords, gpusOfNode } from "./engine-start.ts";

/** TensorRT-LLM takes most of it from a file. Where attention is data-parallel, its limits are those of a rank. */
export const trtllmWords: StartWords = (start) => {
  const { role, shape, stepTokens, running, nodes } = start;
  const gpus = gpusOf(shape);
  const file = `trtllm-${role}.yaml`;
  const words = ["trtllm-serve", start.checkpoint, "--host", "0.0.0.0", "--port", `${SERVER_PORT}`];
  words.push("--tp_size", `${gpus}`);
  if (shape.ep > 1) words.push("--ep_size", `${shape.ep}`);
  words.push("--max_num_tokens", `${stepTokens}`, "--max_batch_size", `${running}`);
  words.push("--extra_llm_api_options", file);
  return {
    words: nodes > 1 ? [...launcher(start), ...words] : words,
    elsewhere: [],
    environment: {},
    options: { file, text: `${optionLines(start).join("\n")}\n` },
  };
};

/** A process for each GPU, and its own start in front of the first one's server. */
function launcher(start: EngineStart): string[] {
  const each = `${gpusOfNode(start)}`;
  return ["mpirun", "-n", `${gpusOf(start.shape)}`, "-N", each, "trtllm-llmapi-launch"];
}

function optionLines(start: EngineStart): string[] {
  const { role, shape, experts, redundantExperts, cacheFp8 } = start;
  return [
    `enable_attention_dp: ${shape.dp > 1}`,
    `moe_expert_parallel_size: ${shape.ep}`,
    `moe_tensor_parallel_size: ${shape.moeTp}`,
    // Without it a prompt that is longer than a step is refused.
    "enable_chunked_prefill: true",
    ...(cacheFp8 ? ["kv_cache_config:", "  dtype: fp8"] : []),
    ...(redundantExperts > 0
      ? [
          "moe_config:",
          "  load_balancer:",
          `    num_slots: ${experts + redundantExperts}`,
          "    layer_updates_per_iter: 1",
        ]
      : []),
    ...(role === "engine" ? [] : ["cache_transceiver_config:", "  backend: DEFAULT"]),
    // What prompts are computed with does not overlap its steps.
    ...(role === "prefill" ? ["disable_overlap_scheduler: true"] : []),
  ];
}
