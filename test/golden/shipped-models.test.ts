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

const PAGE = readFileSync(new URL("../../docs/models.md", import.meta.url), "utf8");
const ROW =
  /^\| \[([^\]]+)\]\(\S+\) \|.*\| ([\d.]+) of ([\d.]+) \| ([\d.]+) of ([\d.]+) \| (none|head|both) \|$/gm;
/** Of embedding and head, how many are counted as active. */
const COUNTED = { none: 0, head: 1, both: 2 };

/** The catalogue of docs/models.md: billions of parameters, as its files come to and as publishers state them. */
const ROWS = [...PAGE.matchAll(ROW)].map(([, name, total, statedTotal, active, statedActive, counted]) => ({
  name,
  parameters: { found: total, stated: statedTotal },
  active: { found: active, stated: statedActive },
  vocabularies: COUNTED[counted as keyof typeof COUNTED],
}));

const MODELS = await shippedModels();

test("every shipped model is checked here", () => {
  const names = MODELS.map(({ name }) => name);
  expect(names).toEqual(ROWS.map(({ name }) => name));
  expect(names).toEqual(Object.keys(CONFIGS));
});

describe.each(MODELS)("$name", (model) => {
  test("is what its public configuration says", () => {
    const bytes = new TextEncoder().encode(JSON.stringify(CONFIGS[model.name]));
    const read = readHuggingFaceConfig(bytes, "config.json", { name: model.name, quantization: null });
    expect(readModel({ ...read.model, source: model.source }, () => "config.json")).toEqual(model);
  });

  test("has as many parameters as its publisher says, in all and for a token", () => {
    const row = ROWS.find(({ name }) => name === model.name);
    // The head is among the active ones.
    const others = ((row?.vocabularies ?? 0) - 1) * model.vocabulary * model.hidden;
    const [parameters, active] = [totalParameters(model), activeParameters(model) + others];
    expect([billions(parameters), billions(active)]).toEqual([row?.parameters.found, row?.active.found]);
    expect(parameters).toSatisfy((found: number) => agrees(found / 1e9, row?.parameters.stated));
    expect(active).toSatisfy((found: number) => agrees(found / 1e9, row?.active.stated));
  });
});

const billions = (weights: number) => (weights / 1e9).toFixed(1);

/** Within 2 %, or half of the last digit that is stated. */
function agrees(found: number, stated = "0"): boolean {
  const digits = stated.split(".")[1]?.length ?? 0;
  return Math.abs(found - Number(stated)) <= Math.max(0.02 * Number(stated), 0.5 * 10 ** -digits);
}
