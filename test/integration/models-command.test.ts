import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { readModel } from "../../src/config/models/read-model.ts";
import { totalParameters } from "../../src/core/cost/model-weights.ts";
import { findModel, loadModel } from "../../src/config/shapes.ts";
import { runHere } from "../run-here.ts";

const CONFIGS = JSON.parse(
  await readFile(new URL("../golden/model-configs.json", import.meta.url), "utf8"),
) as Readonly<Record<string, object>>;

let folder: ScratchFolder;
beforeAll(async () => {
  folder = await scratchFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

describe("models", () => {
  test("lists the catalogue, with what sizes follow", async () => {
    const { models } = JSON.parse(await runHere("models", "--json")) as { models: { name: string }[] };
    const named = Object.fromEntries(models.map((model) => [model.name, model]));
    expect(Object.keys(named)).toEqual(Object.keys(CONFIGS));
    expect(named["deepseek-v3"]).toMatchObject({
      layers: 61,
      expertBytes: 44_050_944,
      kvBytesPerToken: 70_272,
    });
    expect(named["gpt-oss-20b"]).toMatchObject({
      attention: "12 × GQA 64:8 (128) + 12 × GQA 64:8",
      precision: { experts: "mxfp4", rest: "bf16" },
      moeLayers: Array.from({ length: 24 }, (_, layer) => layer),
    });
    const table = await runHere("models");
    for (const { name } of models) expect(table).toContain(` ${name} `);
    expect(table).toContain("24 of 48");
  });
});

describe("models import", () => {
  test("writes the file that a model is loaded from", async () => {
    const config = await folder.write("config.json", JSON.stringify(CONFIGS["llama-4-maverick"]));
    const out = folder.path("maverick.yaml");
    const said = await runHere("models", "import", config, "--name", "mine", "--out", out, "--json");
    const shipped = await loadModel("llama-4-maverick");
    const { source } = await loadModel(out);
    expect(await loadModel(out)).toEqual({ ...shipped, name: "mine", source });
    expect(JSON.parse(said)).toMatchObject({
      out,
      model: { name: "mine" },
      parameters: totalParameters(shipped),
    });
  });

  test("says the file where none is named, and reads what modelopt wrote beside", async () => {
    await folder.write("hf_quant_config.json", JSON.stringify({ quantization: { quant_algo: "NVFP4" } }));
    const config = await folder.write("config.json", JSON.stringify(CONFIGS["mixtral-8x7b"]));
    const text = await runHere("models", "import", config, "--name", "m");
    expect(readModel(parse(text), () => "m").precision).toMatchObject({ experts: "nvfp4", rest: "nvfp4" });
  });

  test("of a model without experts is refused, by the fields that are missing", async () => {
    const config = await folder.write("dense.json", '{"num_hidden_layers":2,"hidden_size":8}');
    await expect(runHere("models", "import", config)).rejects.toThrow(
      /^\S+dense.json: lacks vocab_size, n_routed/,
    );
    await expect(runHere("models", "import", config, "--out", "m.json")).rejects.toThrow(
      "--out: is m.json; expected",
    );
  });
});

describe("a model that is not known", () => {
  test.each([
    ["deepsek-v3", "did you mean deepseek-v3?"],
    ["qwen3", "did you mean qwen3-235b-a22b or qwen3-30b-a3b or qwen3-next-80b-a3b or qwen3.5-397b-a17b?"],
    ["llama4", "did you mean llama-4-maverick?"],
    ["zai-org/GLM-4.5-FP8", "did you mean glm-4.5?"],
    ["a/config.json", "make a model's file of it: plimsoll models import a/config.json --out model.yaml"],
    ["something else", "config/models has deepseek-r1, deepseek-v2, "],
  ])("%s: is answered with the nearest", async (name, hint) => {
    await expect(loadModel(name)).rejects.toThrow(hint);
    expect(await findModel(name)).toBeNull();
  });
});
