import { copyFile, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeNpyInt32 } from "../../src/formats/npy.ts";
import { type ScratchFolder, scratchFolder } from "../../harness/scratch-folder.ts";
import { expectRefused } from "../bad-input.ts";
import { runHere } from "../run-here.ts";
import { safetensorsBytes, safetensorsOf } from "../safetensors-bytes.ts";

const STAT = fileURLToPath(new URL("../golden/engine-files/recorder-stat.pt", import.meta.url));
const POOL = ["--nodes", "1", "--gpus-per-node", "2", "--slots-per-gpu", "3"];
/** Two steps of two layers of four experts, and their sum. */
const STEPS = [
  [
    [1, 2, 3, 4],
    [8, 7, 6, 5],
  ],
  [
    [0, 0, 1, 9],
    [1, 1, 1, 1],
  ],
];
const SUM = [0, 1].map((layer) =>
  [0, 1, 2, 3].map((expert) => STEPS[0][layer][expert] + STEPS[1][layer][expert]),
);
const NUMBERS = Int32Array.from(STEPS.flat(2));

let folder: ScratchFolder;

beforeAll(async () => {
  folder = await scratchFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

const at = (name: string) => folder.path(name);
const placed = async (load: string) => {
  await runHere("place", "--load", load, ...POOL, "--out", at("placed.json"));
  const { physical_to_logical_map, shares } = JSON.parse(await readFile(at("placed.json"), "utf8")) as Record<
    string,
    unknown
  >;
  return { physical_to_logical_map, shares };
};
const converted = async (from: string, load: string) => {
  await runHere("convert", "--from", from, "--to", "eplb", "--in", load, "--out", at("converted.json"));
  return JSON.parse(await readFile(at("converted.json"), "utf8")) as unknown;
};
const history = (rows: readonly (readonly number[])[]) => ({ load_history: [{ logical_expert_load: rows }] });

/** A safetensors file of one array of 32-bit integers. */
const array = (name: string, shape: readonly number[], values: Int32Array) =>
  safetensorsBytes(
    { [name]: { dtype: "I32", shape, data_offsets: [0, values.byteLength] } },
    new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  );

describe("a load with a dimension of steps is their sum", () => {
  it("as SGLang's JSON", async () => {
    const steps = await folder.write("steps.json", JSON.stringify({ logical_count: STEPS }));
    const sum = await folder.write("sum.json", JSON.stringify({ logical_count: SUM }));
    expect(await converted("sglang", steps)).toEqual({ moe_layers: [0, 1], ...history(SUM) });
    expect(await placed(steps)).toEqual(await placed(sum));
  });

  it("as .npy", async () => {
    const steps = await folder.write("steps.npy", writeNpyInt32([2, 2, 4], NUMBERS));
    const sum = await folder.write("sum.npy", writeNpyInt32([2, 4], Int32Array.from(SUM.flat())));
    expect(await converted("npy", steps)).toEqual(history(SUM));
    expect(await converted("npy", sum)).toEqual(history(SUM));
    expect(await placed(steps)).toEqual(await placed(sum));
  });

  it("as safetensors, whatever the only array is called", async () => {
    const steps = await folder.write("steps.safetensors", array("counts", [2, 2, 4], NUMBERS));
    expect(await converted("safetensors", steps)).toEqual(history(SUM));
    expect(await placed(steps)).toEqual(
      await placed(await folder.write("a.json", JSON.stringify({ logical_count: SUM }))),
    );
  });
});

it("takes a recorder's dump where it takes JSON, and other binary files by what they are", async () => {
  const dump = at("dump.json");
  await copyFile(STAT, dump);
  const rows = [
    [300, 303, 306, 309],
    [330, 333, 336, 339],
  ];
  expect(await placed(dump)).toEqual(
    await placed(await folder.write("rows.json", JSON.stringify({ logical_count: rows }))),
  );
});

it("refuses in one line what it cannot read, and says how", async () => {
  const npy = await folder.write("flat.npy", writeNpyInt32([4], Int32Array.of(1, 2, 3, 4)));
  const two = await folder.write("two.safetensors", safetensorsOf({ "7_3": [1, 2], "7_4": [3, 4] }));
  const pickle = await folder.write("old.pt", Uint8Array.of(0x80, 2, 0x8a, 10));
  const odd = await folder.write("odd.json", JSON.stringify({ logical_count: [STEPS[0], [[1]]] }));
  const listed = await folder.write("listed.json", JSON.stringify({ moe_layers: [1], logical_count: SUM }));
  const beyond = await folder.write(
    "beyond.json",
    JSON.stringify({ moe_layers: [1, 2, 3], logical_count: SUM }),
  );
  const convert = (from: string, path: string) => [
    "convert",
    "--from",
    from,
    "--to",
    from === "eplb" ? "sglang" : "eplb",
    "--in",
    path,
  ];
  const place = (path: string) => ["place", "--load", path, ...POOL];
  await expectRefused(folder, [
    [
      convert("eplb", STAT),
      `${STAT}: is no text but a PyTorch file (.pt); convert it with \`convert --from sglang-recorder\``,
    ],
    [convert("plimsoll", STAT).with(4, "sglang"), `${STAT}: is no text but a PyTorch file (.pt)`],
    [convert("sglang", npy), `${npy}: is no text but a .npy array; convert it with \`convert --from npy\``],
    [convert("sglang", two), `${two}: is no text but a safetensors file; convert it with`],
    [place(pickle), `${pickle}: is no text but a pickle, as torch.save wrote it before 1.6`],
    [place(npy), `${npy}: array has shape (4); expected (layers, experts) or (steps, layers, experts)`],
    [
      place(two),
      `${two}: holds TensorRT-LLM's statistics of a rank; convert their folder with --from tensorrt-llm`,
    ],
    [place(odd), `${odd}: logical_count[1] is 1 × 1; expected 2 × 4 as in the first step`],
    [place(listed), `${listed}: moe_layers lacks layer 0, which counts tokens; list it`],
    [place(beyond), `${beyond}: moe_layers lists layers 1–3 for 2 rows; expected one for each`],
    [
      [...convert("sglang", at("rows.json")), "--nodes", "2"],
      "--nodes, --gpus-per-node: say what engines' placements lack; leave them out for this file of sglang",
    ],
  ]);
});
