import { writeSglangMap } from "../formats/sglang-placement.ts";
import { writeTensorrtLlmMap } from "../formats/tensorrt-llm-placement.ts";
import { writeVllmAscendMap } from "../formats/vllm-ascend-placement.ts";
import { InputError } from "../lib/errors.ts";
import type { MoeModel } from "../model/moe-model.ts";
import type { Placement } from "../model/placement.ts";
import { HttpError } from "./errors.ts";

interface EngineFile {
  readonly type: string;
  readonly write: (placement: Placement, model: MoeModel) => string;
}

const JSON_TYPE = "application/json; charset=utf-8";

/** What engines are started with. */
const FILES: Readonly<Record<string, EngineFile>> = {
  sglang: { type: JSON_TYPE, write: (placement, { moeLayers }) => writeSglangMap(placement, moeLayers[0]) },
  "tensorrt-llm": {
    type: "application/yaml; charset=utf-8",
    write: (placement, { moeLayers }) => writeTensorrtLlmMap(placement, moeLayers[0]),
  },
  "vllm-ascend": { type: JSON_TYPE, write: (placement) => writeVllmAscendMap(placement) },
};

/** @throws InputError for a format that is none; HttpError where slots are empty, which no engine's file can express */
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
  const { physicalToLogical } = placement;
  for (let i = 0; i < physicalToLogical.length; i++) {
    if (physicalToLogical[i] < 0)
      throw new HttpError(
        "slots_empty",
        "The placement in force leaves slots empty, which no engine's file can express.",
      );
  }
  return { type: file.type, text: file.write(placement, model) };
}
