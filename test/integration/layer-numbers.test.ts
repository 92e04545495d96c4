import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { readNpy, writeNpyInt32 } from "../../src/formats/npy.ts";
import { readTensorrtLlmMap } from "../../src/formats/tensorrt-llm-placement.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { expectRefused } from "../bad-input.ts";
import { runHere } from "../run-here.ts";
import { safetensorsOf } from "../safetensors-bytes.ts";

const EXPERTS = 8;
const POOL = ["--nodes", "1", "--gpus-per-node", "2", "--slots-per-gpu", "5"];
const GPUS = POOL.slice(0, 4);
const V3 = { rows: 61, experts: 256, dense: 3 };
const V3_POOL = ["--nodes", "2", "--gpus-per-node", "2", "--slots-per-gpu", "66"];
const V3_LAYERS = Array.from({ length: 58 }, (_, i) => i + 3);

let folder: ScratchFolder;

beforeAll(async () => {
  folder = await scratchFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

const at = (name: string) => folder.path(name);
const convert = async (from: string, to: string, input: string, out: string, ...more: readonly string[]) => {
  await runHere("convert", "--from", from, "--to", to, "--in", at(input), "--out", at(out), ...more);
};
const place = (load: string, out: string, pool = POOL, ...more: readonly string[]) =>
  runHere("place", "--load", at(load), ...pool, "--out", at(out), ...more);
const stderrOf = async (run: () => Promise<unknown>) => {
  const said: string[] = [];
  const stderr = vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    said.push(String(text));
    return true;
  });
  await run().finally(() => stderr.mockRestore());
  return said.join("");
};
const json = async <T>(name: string): Promise<T> => JSON.parse(await readFile(at(name), "utf8")) as T;
const yamlLayers = async (name: string) => readTensorrtLlmMap(await readFile(at(name)), name).layers;

/** TensorRT-LLM's statistics of these layers, in a folder of this name. */
async function statistics(name: string, layers: readonly number[]): Promise<void> {
  await mkdir(at(name));
  await writeFile(join(at(name), "meta_info.json"), JSON.stringify({ num_experts: EXPERTS }));
  const arrays = layers.map((layer) => {
    const counts = Array.from({ length: EXPERTS }, (_, expert) => 10 + expert * layer);
    return [`10_${layer}`, counts] as const;
  });
  await writeFile(join(at(name), "rank0.safetensors"), safetensorsOf(Object.fromEntries(arrays)));
}

describe.each([[[1, 2, 3]], [[1, 3, 5]], [[10, 11, 12]]])("statistics of layers %j", (layers) => {
  const name = (file: string) => `${layers.join("-")}.${file}`;

  beforeAll(async () => statistics(name("st"), layers));

  it.each([
    ["eplb", ["eplb", "sglang", "eplb"]],
    ["sglang", ["sglang", "eplb"]],
  ])("are placed under their numbers, through %s", async (_, [first, ...others]) => {
    await convert("tensorrt-llm-statistics", first, name("st"), name(first));
    let from = first;
    for (const to of others) {
      await convert(from, to, name(from), name(to));
      from = to;
    }
    await place(name(from), name("p.json"));
    await convert("plimsoll", "tensorrt-llm", name("p.json"), name("yaml"));
    expect(await yamlLayers(name("yaml"))).toEqual(layers);
    await convert("tensorrt-llm", "plimsoll", name("yaml"), name("back.json"), ...GPUS);
    expect(await json(name("back.json"))).toMatchObject({ model: { moeLayers: layers } });
  });
});

it("places what an engine's folder holds, under its numbers", async () => {
  await statistics("folder.st", [2, 4]);
  await place("folder.st", "folder.json");
  expect(await json("folder.json")).toMatchObject({ model: { layers: 2, moeLayers: [2, 4] } });
});

it("refuses --dense-layers that says other layers than the file", async () => {
  await statistics("other.st", [2, 4]);
  await convert("tensorrt-llm-statistics", "eplb", "other.st", "other.eplb", "--dense-layers", "2");
  expect(await json("other.eplb")).toMatchObject({ moe_layers: [2, 4] });
  const wrong = ["convert", "--from", "eplb", "--to", "sglang", "--in", at("other.eplb"), "--dense-layers"];
  await expectRefused(folder, [
    [[...wrong, "1"], `--dense-layers: is 1; ${at("other.eplb")} has layers 2, 4, experts in 2, 4`],
    [[...wrong, "5"], `--dense-layers: is 5; ${at("other.eplb")} has layers 2, 4`],
  ]);
});

describe("a load of every layer of DeepSeek-V3", () => {
  const counts = (busy: (row: number) => boolean) =>
    Array.from({ length: V3.rows }, (_, row) =>
      Array.from({ length: V3.experts }, (_, expert) => (busy(row) ? 1 + ((expert * 7 + row) % 13) : 0)),
    );

  beforeAll(async () => {
    await folder.write("v3.json", JSON.stringify({ logical_count: counts((row) => row >= V3.dense) }));
    await place("v3.json", "v3.p.json", V3_POOL);
  });

  it("is placed in the layers that route to experts", async () => {
    expect(await json("v3.p.json")).toMatchObject({
      model: { name: "deepseek-v3", layers: 58, moeLayers: V3_LAYERS },
    });
  });

  it.each(["sglang", "tensorrt-llm", "vllm-ascend"])("keeps its layers through %s", async (engine) => {
    await convert("plimsoll", engine, "v3.p.json", "v3.engine");
    type Map = { physical_to_logical_map: number[][] };
    const { physical_to_logical_map } = await json<Map>("v3.p.json");
    for (const named of [[], ["--model", "deepseek-v3"], ["--dense-layers", "3"]]) {
      await convert(engine, "plimsoll", "v3.engine", "v3.back.json", ...V3_POOL.slice(0, 4), ...named);
      expect(await json("v3.back.json")).toMatchObject({
        model: { layers: 58, moeLayers: V3_LAYERS },
        physical_to_logical_map,
      });
    }
  });

  it("is refused with --dense-layers that are not the model's", async () => {
    const to = ["convert", "--from", "plimsoll", "--to", "sglang", "--in", at("v3.p.json")];
    await expectRefused(folder, [
      [
        [...to, "--dense-layers", "2"],
        `--dense-layers: is 2; ${at("v3.p.json")} has layers 3–60, experts in 3–60`,
      ],
    ]);
  });

  it("keeps its layers as a load, and has a row for each where SGLang wants it", async () => {
    await convert("sglang", "eplb", "v3.json", "v3.eplb");
    expect(await json("v3.eplb")).toMatchObject({ moe_layers: V3_LAYERS });
    await convert("eplb", "sglang", "v3.eplb", "v3.sglang");
    const { logical_count } = await json<{ logical_count: number[][] }>("v3.json");
    expect(await json("v3.sglang")).toEqual({ moe_layers: V3_LAYERS, logical_count });
  });

  it("is another model's where its dense layers count tokens; by name it is refused", async () => {
    const odd = await folder.write("odd.json", JSON.stringify({ logical_count: counts(() => true) }));
    await place("odd.json", "odd.p.json", V3_POOL);
    const { model } = await json<{ model: Record<string, unknown> }>("odd.p.json");
    expect(model).toEqual({ name: null, layers: 61, experts: 256 });
    await expectRefused(folder, [
      [
        ["place", "--load", odd, ...V3_POOL, "--model", "deepseek-v3"],
        `${odd}: layer 0 counts tokens, but deepseek-v3 has no experts there`,
      ],
    ]);
  });

  it("is placed by the layers of a trace that has all of the model's, and refuses any other", async () => {
    const trace = async (name: string, depth: number) => {
      const ids = Int32Array.from({ length: 8 * depth * 2 }, (_, i) => (i * 37) % V3.experts);
      await folder.write(name, writeNpyInt32([8, depth, 2], ids));
      return at(name);
    };
    await place("v3.json", "routed.json", V3_POOL, "--routing", await trace("61.npy", 61));
    await place("v3.json", "routed.json", V3_POOL, "--routing", await trace("58.npy", 58));
    const odd = await trace("60.npy", 60);
    await expectRefused(folder, [
      [
        ["place", "--load", at("v3.json"), ...V3_POOL, "--routing", odd],
        `${odd}: shape has 60 layers; expected the 58 of ${at("v3.json")} (layers 3–60)`,
      ],
    ]);
  });
});

describe("a placement of layers 1 and 3", () => {
  const TOKENS = 6;
  const TOPK = 2;
  const DEPTH = 4;
  // What stands in layers without experts is no expert.
  const ids = Int32Array.from({ length: TOKENS * DEPTH * TOPK }, (_, i) => {
    const layer = Math.floor(i / TOPK) % DEPTH;
    return layer === 1 || layer === 3 ? (i * 5) % EXPERTS : 30_000;
  });
  const kept = (values: ArrayLike<number>, layers: readonly number[]) =>
    Int32Array.from(
      Array.from({ length: TOKENS }, (_, token) =>
        layers.flatMap((layer) =>
          Array.from({ length: TOPK }, (_, k) => values[(token * DEPTH + layer) * TOPK + k]),
        ),
      ).flat(),
    );

  beforeAll(async () => {
    const row = Array.from({ length: EXPERTS }, (_, expert) => 1 + expert);
    await folder.write(
      "two.json",
      JSON.stringify({ moe_layers: [1, 3], logical_count: [row, row.toReversed()] }),
    );
    await place("two.json", "two.p.json");
  });
  const dispatch = (routing: string, out: string, ...more: readonly string[]) => [
    "dispatch",
    "--placement",
    at("two.p.json"),
    "--routing",
    at(routing),
    "--batch-tokens",
    "4",
    "--out",
    at(out),
    ...more,
  ];

  it("dispatches them out of a trace of every layer, whose rows stay", async () => {
    await folder.write("all.npy", writeNpyInt32([TOKENS, DEPTH, TOPK], ids));
    await folder.write("moe.npy", writeNpyInt32([TOKENS, 2, TOPK], kept(ids, [1, 3])));
    const said = await runHere(...dispatch("all.npy", "all.slots.npy", "--json", "--layout", at("all")));
    await runHere(...dispatch("moe.npy", "moe.slots.npy", "--layout", at("moe")));
    const { shape, values } = readNpy(await readFile(at("all.slots.npy")), "slots");
    expect(shape).toEqual([TOKENS, DEPTH, TOPK]);
    expect(kept(values, [1, 3])).toEqual(readNpy(await readFile(at("moe.slots.npy")), "slots").values);
    expect(kept(values, [0, 2])).toEqual(new Int32Array(TOKENS * 2 * TOPK).fill(-1));
    const { layers } = JSON.parse(said) as { layers: { layer: number }[] };
    expect(layers.map(({ layer }) => layer)).toEqual([1, 3]);

    const layout = async (name: string) => readNpy(await readFile(at(name)), name);
    const perRank = await layout("all/tokens-per-rank.npy");
    const alone = await layout("moe/tokens-per-rank.npy");
    expect(perRank.shape).toEqual([2, DEPTH, 2]);
    for (const [layer, row] of [
      [1, 0],
      [3, 1],
    ]) {
      for (const batch of [0, 1]) {
        for (const rank of [0, 1]) {
          const there = alone.values[(batch * 2 + row) * 2 + rank];
          expect(perRank.values[(batch * DEPTH + layer) * 2 + rank]).toBe(there);
        }
      }
    }
    expect(await layout("all/send-tokens.npy")).toEqual(await layout("moe/send-tokens.npy"));
  });

  it("has its ranks' tokens read by number too", async () => {
    const tokens = (layers: readonly number[]) =>
      Int32Array.from(
        [0, 1].flatMap((rank) =>
          layers.flatMap((layer) =>
            Array.from({ length: EXPERTS }, (_, e) => (rank + layer) * ((e % 3) + 1)),
          ),
        ),
      );
    const tables: unknown[] = [];
    for (const layers of [
      [0, 1, 2, 3],
      [1, 3],
    ]) {
      const name = `tokens-${layers.length}.npy`;
      await folder.write(name, writeNpyInt32([2, layers.length, EXPERTS], tokens(layers)));
      await convert("plimsoll", "sglang-rank-table", "two.p.json", "table.json", "--rank-tokens", at(name));
      tables.push(await json("table.json"));
    }
    expect(tables[0]).toEqual(tables[1]);
  });

  it("refuses a trace of another depth", async () => {
    await folder.write("three.npy", writeNpyInt32([1, 3, 1], Int32Array.of(0, 1, 2)));
    await expectRefused(folder, [
      [
        dispatch("three.npy", "x").slice(0, 7),
        `${at("three.npy")}: shape has 3 layers; expected the 2 of ${at("two.p.json")} (layers 1, 3)`,
      ],
    ]);
  });
});

it("names the models that a load may be of, where it has rows for their dense layers", async () => {
  const rows = Array.from({ length: 61 }, (_, row) => Array.from({ length: 384 }, () => (row === 0 ? 0 : 1)));
  await folder.write("kimi.json", JSON.stringify({ logical_count: rows }));
  const said = await stderrOf(() => convert("sglang", "eplb", "kimi.json", "kimi.eplb"));
  expect(said).toContain(
    "all 61 rows are taken; if it is of kimi-k2 or kimi-k2-thinking or kimi-k2.5, name it with --model",
  );
  await convert("sglang", "eplb", "kimi.json", "kimi.eplb", "--model", "kimi-k2");
  const { moe_layers } = await json<{ moe_layers: number[] }>("kimi.eplb");
  expect([moe_layers[0], moe_layers.length]).toEqual([1, 60]);
});

it("says that vllm-ascend has rows of layers with experts alone, where it cannot know them", async () => {
  const rows = [Array<number>(EXPERTS).fill(1), Array<number>(EXPERTS).fill(2)];
  await folder.write("unknown.json", JSON.stringify({ logical_count: rows }));
  await place("unknown.json", "unknown.p.json");
  const said = await stderrOf(() => convert("plimsoll", "vllm-ascend", "unknown.p.json", "unknown.ascend"));
  expect(said).toBe(
    "vllm-ascend counts layers with experts alone: all 2 rows are taken for such; see --model\n",
  );
});

it("takes no trace of another depth for a load whose layers are not known", async () => {
  const load = await folder.write(
    "bare.json",
    JSON.stringify({
      logical_count: [
        [1, 2],
        [3, 4],
      ],
    }),
  );
  const trace = await folder.write("five.npy", writeNpyInt32([2, 5, 1], new Int32Array(10)));
  await expectRefused(folder, [
    [
      ["place", "--load", load, ...POOL, "--routing", trace],
      `${trace}: shape has 5 layers; expected the 2 of ${load} (2 layers of unknown number)`,
    ],
  ]);
});
