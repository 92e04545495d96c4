/** Engines that the constants of serving points are fitted to, as config/calibration/serving.json names them. */
export const FITTED_ENGINES = ["vllm", "sglang", "trtllm"] as const;

export type FittedEngine = (typeof FITTED_ENGINES)[number];

export const ENGINE_NAMES: Readonly<Record<FittedEngine, string>> = {
  vllm: "vLLM",
  sglang: "SGLang",
  trtllm: "TensorRT-LLM",
};
