import { type EngineLimits, forEngine } from "../formats/engine-placement.ts";
import { writeSglangMap } from "../formats/sglang-placement.ts";
import { writeTensorrtLlmMap } from "../formats/tensorrt-llm-placement.ts";
import { writeVllmAscendMap } from "../formats/vllm-ascend-placement.ts";
import { InputError } from "../lib/errors.ts";
import type { MoeModel } from "../model/moe-model.ts";
import type { Placement } from "../model/placement.ts";
import { HttpError } from "./errors.ts";

interface EngineFile {
  readonly type: string;
  readonly limits: EngineLimits;
  readonly write: (placement: Placement, model: MoeModel) => string;
}

const JSON_TYPE = "application/json; charset=utf-8";

/** What engines are started with. */
const FILES: Readonly<Record<string, EngineFile>> = {
  sglang: {
    type: JSON_TYPE,
    limits: { engine: "SGLang", twice: true },
    write: (placement, model) => writeSglangMap(placement, model.moeLayers, model.layers),
  },
  "tensorrt-llm": {
    type: "application/yaml; charset=utf-8",
    limits: { engine: "TensorRT-LLM", twice: true },
    write: (placement, model) => writeTensorrtLlmMap(placement, model.moeLayers),
  },
  "vllm-ascend": {
    type: JSON_TYPE,
    limits: { engine: "vllm-ascend", twice: false },
    write: (placement, { sharedFused, sharedExperts }) =>
      writeVllmAscendMap(placement, sharedFused ? sharedExperts : 0),
  },
};

/** @throws InputError for a format that is none; HttpError for a placement that the engine cannot load */
export function engineFile(
  format: string,
  placement: Placement,
  model: MoeModel,
): { readonly type: string; readonly text: string } {
  const file = Object.hasOwn(FILES, format) ? FILES[format] : undefined;
  if (file === undefined)
    throw new InputError(
      "query",
      "format",
      `is ${JSON.stringify(format)}; expected ${Object.keys(FILES).join(", ")}`,
    );
  return { type: file.type, text: file.write(loadable(placement, file.limits), model) };
}

function loadable(placement: Placement, limits: EngineLimits): Placement {
  try {
    return forEngine(placement, limits, "The placement in force").placement;
  } catch (error) {
    if (error instanceof InputError) throw new HttpError("slots_empty", `${error.message}.`);
    throw error;
  }
}
