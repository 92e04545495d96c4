import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { readLayerNumbers, writeLayerNumbers } from "../../src/config/models/layer-numbers.ts";
import { readModel } from "../../src/config/models/read-model.ts";
import { writeModel } from "../../src/config/models/write-model.ts";
import { readHuggingFaceConfig } from "../../src/formats/hugging-face/read-config.ts";
import { WEIGHT_FORMATS } from "../../src/model/weights.ts";
import { changed, changes } from "../changed-bytes.ts";
import { RUNS_TIMEOUT_MS, runs, telling } from "../runs.ts";
import { taken } from "../taken-or-refused.ts";

const LAYERS = 40;
const place = { sourceOf: () => "m.yaml", field: [] };
const someLayers = fc.uniqueArray(fc.nat(LAYERS - 1), { maxLength: LAYERS });
const ascending = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b);

test("layers written as ranges are read as the same layers", () => {
  fc.assert(
    fc.property(someLayers, (numbers) => {
      const sorted = ascending(numbers);
      expect(readLayerNumbers(writeLayerNumbers(sorted), LAYERS, place)).toEqual(sorted);
    }),
    { seed: 1, numRuns: runs(40) },
  );
});

const GQA = { heads: 8, kvHeads: 2, headDim: 16 };
const KINDS = [
  GQA,
  { ...GQA, window: 64, vHeadDim: 8, outputGate: true },
  { heads: 4, qLoraRank: 8, kvLoraRank: 8, nopeHeadDim: 8, ropeHeadDim: 4, vHeadDim: 8 },
  { keyHeads: 2, keyHeadDim: 4, valueHeads: 4, valueHeadDim: 4, convKernel: 2 },
];

const model = fc
  .record({
    kindOf: fc.array(fc.nat(KINDS.length - 1), { minLength: LAYERS, maxLength: LAYERS }),
    moe: someLayers.filter(({ length }) => length > 0),
    mtpLayers: fc.constantFrom(0, 0, 2),
    denseIntermediate: fc.constant(64),
    sharedExperts: fc.nat(2),
    sharedIntermediate: fc.constantFrom(16, 32),
    gated: fc.boolean(),
    expertBias: fc.boolean(),
    tiedEmbeddings: fc.boolean(),
    expertHidden: fc.constantFrom(16, 64),
    groups: fc.constantFrom(1, 4),
    routeScale: fc.constantFrom(1, 2.5),
    precision: fc.record({
      experts: fc.constantFrom(...WEIGHT_FORMATS),
      rest: fc.constantFrom(...WEIGHT_FORMATS),
      groupSize: fc.constantFrom(32, 128),
      dispatch: fc.constantFrom("fp8", "bf16"),
    }),
  })
  .map(({ kindOf, moe, mtpLayers, ...rest }) => {
    const all = [...kindOf, ...Array.from({ length: mtpLayers }, () => 0)];
    const layersOf = (kind: number) => all.flatMap((own, layer) => (own === kind ? [layer] : []));
    const attention = KINDS.map((kind, i) => ({ ...kind, layers: layersOf(i) }));
    const sizes = { layers: LAYERS, hidden: 64, moeIntermediate: 32, experts: 16, topk: 4, vocabulary: 100 };
    const written = { name: "m", source: "made", ...sizes, moeLayers: moe, mtpLayers, attention, ...rest };
    return readModel(written, () => "made");
  });

test("a model written as a file is read as the same model, and so is what was read", () => {
  fc.assert(
    fc.property(model, (made) => {
      expect(readModel(made, () => "made")).toEqual(made);
      expect(readModel(parse(writeModel(made)), () => "m.yaml")).toEqual(made);
    }),
    { seed: 2, numRuns: runs(25) },
  );
});

const CONFIGS = JSON.parse(
  readFileSync(new URL("../golden/model-configs.json", import.meta.url), "utf8"),
) as Readonly<Record<string, object>>;
const ODD = ["null", "-1", "1e9", "0", "[]", "{}", '"x"', "true", ",", "}", "9007199254740993"];

test(
  "a public configuration, changed anywhere or cut off, is read or refused in one line",
  () => {
    const kinds = ["deepseek-v3.2", "gpt-oss-20b", "llama-4-maverick", "mimo-v2-flash", "kimi-k2-thinking"];
    const hybrids = ["nemotron-3-nano-30b-a3b", "qwen3-next-80b-a3b", "ernie-4.5-300b-a47b"];
    fc.assert(
      fc.property(fc.constantFrom(...kinds, ...hybrids), changes(4, ODD), (name, all) => {
        const bytes = changed(Buffer.from(JSON.stringify(CONFIGS[name])), all);
        telling(all, () => {
          taken(() => {
            const { model: read } = readHuggingFaceConfig(bytes, "f", { name, quantization: null });
            return readModel(read, () => "f");
          });
        });
      }),
      { seed: 3, numRuns: runs(400) },
    );
  },
  RUNS_TIMEOUT_MS,
);
