import { gpusOf } from "../../planner/layout.ts";
import { MEETING_PORT, SERVER_PORT, type StartWords, exchangesFar } from "./engine-start.ts";

/** DeepEP's low-latency kernels: what SGLang makes room for by itself, and the most that there is. */
const USUAL_DISPATCH_TOKENS = 128;
const MOST_DISPATCH_TOKENS = 1024;

/**
 * SGLang counts the GPUs of all ranks as its TP size. Tokens of a step and requests are those of all data-parallel ranks
 * together: it divides them (`arg_groups/parallel_hook.py`, `model_executor/pool_configurator.py`).
 */
export const sglangWords: StartWords = (start, node) => {
  const { role, shape, stepTokens, running, redundantExperts, quantize, cacheFp8, nodes } = start;
  const { dp, ep } = shape;
  const words = ["python3", "-m", "sglang.launch_server"];
  words.push("--model-path", start.checkpoint, "--served-model-name", start.name);
  words.push("--host", "0.0.0.0", "--port", `${SERVER_PORT}`);
  words.push("--tp-size", `${gpusOf(shape)}`);
  if (dp > 1) words.push("--attn-dp-size", `${dp}`);
  if (ep > 1) words.push("--ep-size", `${ep}`);
  words.push("--chunked-prefill-size", `${stepTokens * dp}`, "--max-running-requests", `${running * dp}`);
  if (quantize !== null) words.push("--quantization", quantize);
  if (cacheFp8) words.push("--kv-cache-dtype", "fp8_e4m3");
  if (redundantExperts > 0) words.push("--enable-eplb", "--ep-num-redundant-experts", `${redundantExperts}`);
  if (exchangesFar(start)) words.push("--moe-a2a-backend", "deepep");
  if (role !== "engine") words.push("--disaggregation-mode", role);
  if (nodes > 1)
    words.push(
      "--nnodes",
      `${nodes}`,
      "--node-rank",
      node.rank,
      "--dist-init-addr",
      `${node.first}:${MEETING_PORT}`,
    );
  const dispatch = exchangesFar(start) && running > USUAL_DISPATCH_TOKENS;
  const room = `${Math.min(MOST_DISPATCH_TOKENS, running)}`;
  return {
    words,
    elsewhere: [],
    environment: dispatch ? { SGLANG_DEEPEP_NUM_MAX_DISPATCH_TOKENS_PER_RANK: room } : {},
    options: null,
  };
};
