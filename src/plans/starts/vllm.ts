import { type EngineStart, SERVER_PORT, type StartWords, exchangesFar } from "./engine-start.ts";

/** A step of answers alone: DeepEP's low-latency kernels hold a buffer for each of its tokens. */
const DECODE_STEP_TOKENS = 512;

/** vLLM counts tokens and requests by data-parallel rank, and has every GPU of all ranks in one group of experts. */
export const vllmWords: StartWords = (start, node) => {
  const { role, shape, running, redundantExperts, quantize, cacheFp8, nodes } = start;
  const { tp, dp, ep } = shape;
  const lowLatency = exchangesFar(start) && role === "decode";
  const most = lowLatency ? Math.max(running, DECODE_STEP_TOKENS) : start.stepTokens;
  const stepTokens = Math.min(most, start.stepTokens);
  const words = ["vllm", "serve", start.checkpoint, "--served-model-name", start.name];
  words.push("--host", "0.0.0.0", "--port", `${SERVER_PORT}`);
  words.push("--tensor-parallel-size", `${tp}`);
  if (dp > 1) words.push("--data-parallel-size", `${dp}`);
  if (ep > 1) words.push("--enable-expert-parallel");
  words.push("--max-num-batched-tokens", `${stepTokens}`);
  // It takes no more requests than tokens of a step.
  words.push("--max-num-seqs", `${Math.min(running, stepTokens)}`);
  // Without this it refuses to start where the model's longest context does not fit in the cache.
  words.push("--max-model-len", "auto");
  if (quantize !== null) words.push("--quantization", quantize);
  if (cacheFp8) words.push("--kv-cache-dtype", "fp8");
  if (redundantExperts > 0)
    words.push("--enable-eplb", "--eplb-config", JSON.stringify({ num_redundant_experts: redundantExperts }));
  // Its kernels are for prompts or for answers: an engine that does both keeps the ones that suit both.
  if (exchangesFar(start) && role !== "engine")
    words.push("--all2all-backend", lowLatency ? "deepep_low_latency" : "deepep_high_throughput");
  if (role !== "engine") words.push("--kv-transfer-config", JSON.stringify(transferOf(role)));
  if (nodes > 1) words.push("--nnodes", `${nodes}`, "--node-rank", node.rank, "--master-addr", node.first);
  return {
    words,
    elsewhere: nodes > 1 ? ["--headless"] : [],
    environment: role === "engine" ? {} : { VLLM_NIXL_SIDE_CHANNEL_HOST: node.own },
    options: null,
  };
};

function transferOf(role: Exclude<EngineStart["role"], "engine">): object {
  return { kv_connector: "NixlConnector", kv_role: role === "prefill" ? "kv_producer" : "kv_consumer" };
}
