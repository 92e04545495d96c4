import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readModel } from "../../src/config/models/read-model.ts";
import { shippedModels } from "../../src/config/shapes.ts";
import { activeParameters, totalParameters } from "../../src/core/cost/model-weights.ts";
import { readHuggingFaceConfig } from "../../src/formats/hugging-face/read-config.ts";

/** Of each model's public config.json, the fields that describe its shape. */
const CONFIGS = JSON.parse(
  readFileSync(new URL("./model-configs.json", import.meta.url), "utf8"),
) as Readonly<Record<string, object>>;

interface Published {
  /** Billions. */
  readonly total: number;
  readonly active: number;
  /** Of embedding and head, how many are counted as active. */
  readonly vocabularies: 0 | 1 | 2;
}

/** As publishers state them, to the digits they state: model cards, reports. */
const PUBLISHED: Readonly<Record<string, Published>> = {
  "deepseek-r1": { total: 671, active: 37, vocabularies: 1 },
  "deepseek-v2": { total: 236, active: 21, vocabularies: 1 },
  "deepseek-v3": { total: 671, active: 37, vocabularies: 1 },
  "deepseek-v3.1": { total: 671, active: 37, vocabularies: 1 },
  "deepseek-v3.2": { total: 671, active: 37, vocabularies: 1 },
  "ernie-4.5-300b-a47b": { total: 300, active: 47, vocabularies: 1 },
  "glm-4.5": { total: 355, active: 32, vocabularies: 0 },
  "glm-4.5-air": { total: 106, active: 12, vocabularies: 0 },
  "gpt-oss-120b": { total: 116.8, active: 5.1, vocabularies: 1 },
  "gpt-oss-20b": { total: 20.9, active: 3.6, vocabularies: 1 },
  "kimi-k2": { total: 1040, active: 32.6, vocabularies: 2 },
  "kimi-k2-thinking": { total: 1040, active: 32.6, vocabularies: 2 },
  "llama-4-maverick": { total: 400, active: 17, vocabularies: 2 },
  "mimo-v2-flash": { total: 309, active: 15, vocabularies: 1 },
  "minimax-m2": { total: 230, active: 10, vocabularies: 1 },
  "mixtral-8x7b": { total: 46.7, active: 12.9, vocabularies: 2 },
  "nemotron-3-nano-30b-a3b": { total: 31.6, active: 3.2, vocabularies: 1 },
  "nemotron-3-super-120b-a12b": { total: 120.6, active: 12.7, vocabularies: 2 },
  "qwen3-235b-a22b": { total: 235, active: 22, vocabularies: 2 },
  "qwen3-30b-a3b": { total: 30.5, active: 3.3, vocabularies: 2 },
  "qwen3-next-80b-a3b": { total: 79.67, active: 3.87, vocabularies: 2 },
};

const MODELS = await shippedModels();

test("every shipped model is checked here", () => {
  const names = MODELS.map(({ name }) => name);
  expect(names).toEqual(Object.keys(PUBLISHED));
  expect(names).toEqual(Object.keys(CONFIGS));
});

describe.each(MODELS)("$name", (model) => {
  test("is what its public configuration says", () => {
    const bytes = new TextEncoder().encode(JSON.stringify(CONFIGS[model.name]));
    const read = readHuggingFaceConfig(bytes, "config.json", model.name);
    expect(readModel({ ...read.model, source: model.source }, () => "config.json")).toEqual(model);
  });

  test("has as many parameters as its publisher says, in all and for a token", () => {
    const { total, active, vocabularies } = PUBLISHED[model.name];
    // The head is among the active ones.
    const others = (vocabularies - 1) * model.vocabulary * model.hidden;
    expect(totalParameters(model) / 1e9).toSatisfy((found: number) => agrees(found, total));
    expect((activeParameters(model) + others) / 1e9).toSatisfy((found: number) => agrees(found, active));
  });
});

/** Within 2 %, or half of the last digit that is stated. */
function agrees(found: number, stated: number): boolean {
  const digits = String(stated).split(".")[1]?.length ?? 0;
  return Math.abs(found - stated) <= Math.max(0.02 * stated, 0.5 * 10 ** -digits);
}
