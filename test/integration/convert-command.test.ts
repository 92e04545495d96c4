import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { program } from "../../src/cli/program.ts";
import { evenShares } from "../../src/core/shares/even-shares.ts";
import { readPlacementFile, writePlacementFile } from "../../src/formats/placement-file.ts";
import { expectExit2, expectRefused } from "../bad-input.ts";
import { runCli } from "../run-cli.ts";
import { resultHere } from "../run-here.ts";
import { indexReplicas } from "../../src/model/placement.ts";
import type { Topology } from "../../src/model/topology.ts";
import { EXPERTS, LAYERS, type SmallPool, smallPool } from "../small-pool.ts";
import { storedZip } from "../stored-zip-bytes.ts";

let pool: SmallPool;

beforeAll(async () => {
  pool = await smallPool();
});
afterAll(() => pool.folder[Symbol.asyncDispose]());

const convert = (from: string, to: string, file: string, ...more: readonly string[]) => [
  "convert",
  "--from",
  from,
  "--to",
  to,
  "--in",
  file,
  ...more,
];
/** In this process, hence quick; what it prints is checked where the command line runs as a whole. */
const run = async (...args: readonly string[]) => {
  const quiet = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  const root = await program(args[0]);
  await root.parseAsync(args, { from: "user" }).finally(() => quiet.mockRestore());
};
const json = async <T>(path: string): Promise<T> => JSON.parse(await readFile(path, "utf8")) as T;
const ENGINE_FILES = fileURLToPath(new URL("../golden/engine-files", import.meta.url));
const FOUR_GPUS = ["--nodes", "2", "--gpus-per-node", "2"];
const TWO_GPUS = ["--nodes", "1", "--gpus-per-node", "2"];

describe("convert", () => {
  it("turns a placement into SGLang's and back", async () => {
    const { folder, placement } = pool;
    const [sglang, back] = [folder.path("sglang.json"), folder.path("back.json")];
    const there = await runCli(...convert("plimsoll", "sglang", placement, "--out", sglang, "--json"));
    expect(there.code).toBe(0);
    expect(there.stderr).toBe("nothing says which layers the rows are: written as layers 0–2; see --model\n");
    const said = { from: "plimsoll", to: "sglang", in: placement, out: sglang, layers: null };
    expect(JSON.parse(there.stdout)).toEqual(said);
    const { physical_to_logical_map } = await json<{ physical_to_logical_map: number[][] }>(placement);
    expect(await json(sglang)).toEqual({ physical_to_logical_map });
    const gpus = ["--nodes", "2", "--gpus-per-node", "2"];
    await resultHere(...convert("sglang", "plimsoll", sglang, "--out", back, ...gpus));
    const after = readPlacementFile(await readFile(back), back);
    expect(after.placement).toEqual(readPlacementFile(await readFile(placement), placement).placement);
    expect(after).toMatchObject({ modelName: null, certificate: null });
  });

  it("turns a load into SGLang's, its windows summed, and back", async () => {
    const { folder, load } = pool;
    const [sglang, back] = [folder.path("count.json"), folder.path("history.json")];
    await resultHere(...convert("eplb", "sglang", load, "--out", sglang));
    const { load_history } = await json<{ load_history: { logical_expert_load: number[][] }[] }>(load);
    const doubled = load_history[0].logical_expert_load.map((row) => row.map((tokens) => 2 * tokens));
    expect(await json(sglang)).toEqual({ logical_count: doubled });
    await resultHere(...convert("sglang", "eplb", sglang, "--out", back));
    // A row of SGLang's is the layer of its number.
    const history = { moe_layers: [0, 1, 2], load_history: [{ logical_expert_load: doubled }] };
    expect(await json(back)).toEqual(history);
  });

  it.each(["sglang", "tensorrt-llm", "vllm-ascend"])("brings a placement back from %s", async (engine) => {
    const { folder, placement } = pool;
    const [there, back] = [folder.path(`${engine}.there`), folder.path(`${engine}.back`)];
    const dense = ["--dense-layers", "3"];
    await run(...convert("plimsoll", engine, placement, "--out", there, ...dense));
    await run(...convert(engine, "plimsoll", there, "--out", back, ...dense, ...FOUR_GPUS));
    const before = readPlacementFile(await readFile(placement), placement);
    const after = readPlacementFile(await readFile(back), back);
    expect(after.placement).toEqual(before.placement);
    expect(after.layers).toEqual([3, 4, 5]);
  });

  it("gives SGLang a row for every dense layer, and TensorRT-LLM the model's layer numbers", async () => {
    const { folder, placement, load } = pool;
    const [map, count, yaml] = [folder.path("map.json"), folder.path("dense.json"), folder.path("t.yaml")];
    const dense = ["--dense-layers", "2"];
    await run(...convert("plimsoll", "sglang", placement, "--out", map, ...dense));
    const { physical_to_logical_map: rows } = await json<{ physical_to_logical_map: number[][] }>(map);
    const inTurn = Array.from({ length: 20 }, (_, slot) => slot % EXPERTS);
    expect(rows.slice(0, 2)).toEqual([inTurn, inTurn]);
    expect(rows).toHaveLength(LAYERS + 2);

    await run(...convert("eplb", "sglang", load, "--out", count, ...dense));
    const { logical_count } = await json<{ logical_count: number[][] }>(count);
    expect(logical_count.slice(0, 2).flat()).toEqual(Array<number>(2 * EXPERTS).fill(0));
    const history = folder.path("moe.json");
    await run(...convert("sglang", "eplb", count, "--out", history, ...dense));
    const numbered = {
      moe_layers: [2, 3, 4],
      load_history: [{ logical_expert_load: logical_count.slice(2) }],
    };
    expect(await json(history)).toEqual(numbered);

    await run(...convert("sglang", "tensorrt-llm", map, "--out", yaml, ...dense, ...FOUR_GPUS));
    const layers = (await readFile(yaml, "utf8")).matchAll(/^ {2}(\d+):/gm).map(([, layer]) => layer);
    expect([...layers]).toEqual(["2", "3", "4"]);
  });

  it("takes the dense layers of the placement's model, where it knows it", async () => {
    const { folder } = pool;
    const topology = { nodes: 1, gpusPerNode: 1, slotsPerGpu: 256 };
    const row = Array.from({ length: 256 }, (_, slot) => slot);
    const text = placementOf("deepseek-v3", topology, Array<number[]>(58).fill(row));
    const v3 = await folder.write("v3.json", text);
    const [yaml, sglang] = [folder.path("v3.yaml"), folder.path("v3.sglang")];
    await run(...convert("plimsoll", "tensorrt-llm", v3, "--out", yaml));
    const layers = (await readFile(yaml, "utf8")).matchAll(/^ {2}(\d+):/gm).map(([, layer]) => Number(layer));
    expect([...layers]).toEqual(Array.from({ length: 58 }, (_, i) => i + 3));
    await run(...convert("plimsoll", "sglang", v3, "--out", sglang));
    const { physical_to_logical_map: rows } = await json<{ physical_to_logical_map: number[][] }>(sglang);
    expect(rows).toEqual(Array(61).fill(row));
  });

  it("reads what SGLang's recorder and TensorRT-LLM recorded", async () => {
    const { folder } = pool;
    const out = folder.path("recorded.json");
    const counted = async (from: string, path: string) => {
      await run(...convert(from, "sglang", join(ENGINE_FILES, path), "--out", out));
      return (await json<{ logical_count: number[][] }>(out)).logical_count;
    };
    const stat = [
      [300, 303, 306, 309],
      [330, 333, 336, 339],
    ];
    expect(await counted("sglang-recorder", "recorder-stat.pt")).toEqual(stat);
    const [rank0, rank1, both] = [
      await counted("sglang-recorder", "recorder-per-pass/dump_0.pt"),
      await counted("sglang-recorder", "recorder-per-pass/dump_1.pt"),
      await counted("sglang-recorder", "recorder-per-pass"),
    ];
    expect(both).toEqual(rank0.map((row, layer) => row.map((count, expert) => count + rank1[layer][expert])));
    // Of layers 9 and 10.
    expect(await counted("tensorrt-llm-statistics", "tensorrt-llm-statistics")).toEqual([
      ...Array.from({ length: 9 }, () => [0, 0, 0, 0]),
      [760, 764, 768, 772],
      [800, 804, 808, 812],
    ]);
  });

  it("exits 2 on what it cannot use", async () => {
    const pickle = Buffer.from("\u0080\u0002cposix\nsystem\nX\u0004\0\0\0ls /\u0085R.", "latin1");
    const hostile = await pool.folder.write("hostile.pt", storedZip(new Map([["a/data.pkl", pickle]])));
    await expectExit2(pool.folder, [
      [
        convert("sglang-recorder", "eplb", hostile),
        `${hostile}: data.pkl global posix.system at byte 2 is not allowed`,
      ],
      [
        convert("sglang", "sglang-recorder", pool.load),
        "--from, --to: sglang → sglang-recorder is not possible: sglang-recorder is read only",
      ],
      [convert("tar", "sglang", pool.load), "error: option '--from <format>' argument 'tar' is invalid"],
    ]);
  });

  it("names the file, the field and what to change", async () => {
    const { folder, load, placement } = pool;
    const map = (row: string) => `{"physical_to_logical_map":[${row}]}`;
    const odd = await folder.write("odd.json", map("[0,1,2]"));
    const gapped = await folder.write("gapped.json", map("[0,2,2,0]"));
    const beyond = await folder.write("beyond.json", map("[0,2000000000]"));
    const ragged = await folder.write("ragged.json", map("[0,1],[0]"));
    const field = "physical_to_logical_map";
    await expectRefused(folder, [
      [
        convert("plimsoll", "eplb", placement),
        "--from, --to: plimsoll → eplb is not possible: convert a placement (plimsoll, sglang,",
      ],
      [convert("eplb", "plimsoll", load), "eplb → plimsoll is not possible: convert a placement"],
      [convert("vllm-ascend", "tensorrt-llm-statistics", load), "tensorrt-llm-statistics is read only"],
      [convert("sglang", "sglang", load), "sglang → sglang converts nothing"],
      [convert("plimsoll", "sglang", load), `${load}: format is not "plimsoll.placement/1"`],
      [convert("eplb", "sglang", placement), `${placement}: load_history is not a list of windows`],
      [convert("sglang", "eplb", load), `${load}: logical_count is missing`],
      [convert("sglang", "plimsoll", odd), "--nodes, --gpus-per-node: are missing"],
      [
        convert("sglang", "plimsoll", odd, ...TWO_GPUS),
        `${odd}: ${field} has 3 slots per layer; expected a multiple`,
      ],
      [
        convert("sglang", "plimsoll", gapped, ...TWO_GPUS),
        `${gapped}: ${field} layer 0 has no slot for expert 1`,
      ],
      [convert("sglang", "plimsoll", beyond, ...TWO_GPUS), `${beyond}: ${field} names expert 2000000000`],
      [
        convert("sglang", "plimsoll", ragged, ...TWO_GPUS),
        `${ragged}: ${field}[1] has 1 entries; expected 2`,
      ],
    ]);
  });

  describe.each(["sglang", "tensorrt-llm", "vllm-ascend"])("to %s", (engine) => {
    const topology = { nodes: 1, gpusPerNode: 2, slotsPerGpu: 3 };
    const filled = async (map: readonly number[]) => {
      const { folder } = pool;
      const [holed, there, back] = ["holed", "there", "back"].map((name) => folder.path(`${engine}.${name}`));
      await folder.write(`${engine}.holed`, placementOf(null, topology, [map]));
      await run(...convert("plimsoll", engine, holed, "--out", there));
      await run(...convert(engine, "plimsoll", there, "--out", back, ...TWO_GPUS));
      return (await json<{ physical_to_logical_map: number[][] }>(back)).physical_to_logical_map[0];
    };

    it("fills an empty slot with a replica", async () => {
      // Of expert 1, whose tokens are GPU 0's anyhow; vllm-ascend takes no expert twice on a GPU.
      const onGpu = engine === "vllm-ascend" ? 2 : 1;
      expect(await filled([0, 1, -1, 0, 2, 3])).toEqual([0, 1, onGpu, 0, 2, 3]);
      // No expert is on GPU 0 alone: the one with most replicas, of which that makes one more.
      expect(await filled([0, 1, -1, 0, 1, 2])).toEqual([0, 1, 2, 0, 1, 2]);
    });

    it("refuses a GPU that holds nothing", async () => {
      const dead = await pool.folder.write(
        `${engine}.dead`,
        placementOf(null, topology, [[0, 1, 2, -1, -1, -1]]),
      );
      await expectRefused(pool.folder, [
        [convert("plimsoll", engine, dead), `${dead}: GPU 1 holds nothing, but every rank of `],
      ]);
    });
  });

  it("refuses for vllm-ascend what it cannot load", async () => {
    const { folder } = pool;
    const topology = { nodes: 1, gpusPerNode: 1, slotsPerGpu: 3 };
    const twice = await folder.write(
      "twice.json",
      placementOf(null, topology, [
        [0, 1, 2],
        [0, 1, 2],
        [2, 0, 1],
      ]),
    );
    const doubled = await folder.write("doubled.json", placementOf(null, topology, [[0, 1, 1]]));
    const wide = await folder.write("wide.json", placementOf(null, topology, [[0, 1, -1]]));
    await run(...convert("plimsoll", "vllm-ascend", twice, "--out", folder.path("sound.json")));
    await expectRefused(folder, [
      [convert("plimsoll", "vllm-ascend", doubled), `${doubled}: row 0 has expert 1 twice on GPU 0`],
      [convert("plimsoll", "vllm-ascend", wide), `${wide}: has more slots on a GPU than experts`],
    ]);
    await run(...convert("plimsoll", "sglang", wide, "--out", folder.path("wide.sglang")));
    expect(await json(folder.path("wide.sglang"))).toEqual({ physical_to_logical_map: [[0, 1, 0]] });
  });

  it("refuses engines' files that do not fit", async () => {
    const { folder, load, placement } = pool;
    const twoDevices = await folder.write(
      "ascend.json",
      '{"moe_layer_count":1,"layer_list":[{"layer_id":0,"device_count":2,"device_list":' +
        '[{"device_id":0,"device_expert":[0]},{"device_id":1,"device_expert":[1]}]}]}',
    );
    const unknown = await folder.write(
      "unknown.json",
      placementOf("nobody's", { nodes: 1, gpusPerNode: 1, slotsPerGpu: 1 }, [[0]]),
    );
    const counts = await folder.write("counts.json", '{"logical_count":[[0,0],[1,0]]}');
    const recorder = (path: string, ...more: readonly string[]) =>
      convert("sglang-recorder", "eplb", path, ...more);
    const stat = join(ENGINE_FILES, "recorder-stat.pt");
    await expectRefused(folder, [
      [
        convert("vllm-ascend", "plimsoll", twoDevices, "--nodes", "3"),
        `${twoDevices}: device_count is 2; expected`,
      ],
      [
        convert("vllm-ascend", "plimsoll", twoDevices, "--nodes", "2", "--gpus-per-node", "2"),
        `${twoDevices}: device_count is 2; expected`,
      ],
      [
        convert("tensorrt-llm", "plimsoll", join(ENGINE_FILES, "tensorrt-llm.yaml")),
        "--nodes, --gpus-per-node",
      ],
      [
        convert("plimsoll", "tensorrt-llm", unknown),
        `${unknown}: model.name names nobody's, no known model of its shape; give its file with --model`,
      ],
      [convert("sglang", "eplb", counts, "--dense-layers", "2"), "--dense-layers: is 2; "],
      [
        convert("sglang", "eplb", counts, "--model", "deepseek-v3"),
        `${counts}: has 2 rows of 2 experts; expected those of deepseek-v3: 58 rows of 256 experts (layers 3–60), or 61`,
      ],
      [
        convert("sglang", "eplb", counts, "--model", "deepseek-v3", "--dense-layers", "1"),
        "--dense-layers: is said by --model; leave one out",
      ],
      [recorder(stat, "--dense-layers", "1"), `${stat}: layer 0 counts tokens, but --dense-layers is 1`],
      [recorder(placement), `${placement}: is not a zip file`],
      [recorder(folder.path("absent.pt")), "absent.pt: cannot be read (ENOENT)"],
      [recorder(join(ENGINE_FILES, "tensorrt-llm-statistics")), "holds no .pt file"],
      [recorder(ENGINE_FILES, "--dense-layers", "9"), "--dense-layers: is 9; "],
      [convert("tensorrt-llm-statistics", "eplb", load), `${load}: holds no rank0.safetensors`],
      [
        convert("tensorrt-llm-statistics", "eplb", join(ENGINE_FILES, "recorder-per-pass")),
        "holds no rank0.safetensors",
      ],
    ]);
  });
});

/** A placement file with even shares. */
function placementOf(
  modelName: string | null,
  topology: Topology,
  map: readonly (readonly number[])[],
): string {
  const experts = Math.max(...map.flat()) + 1;
  const placement = { layers: map.length, experts, topology, physicalToLogical: Int32Array.from(map.flat()) };
  return writePlacementFile({
    modelName,
    layers: null,
    placement,
    shares: evenShares(placement, indexReplicas(placement)).values,
    moves: { slots: 0, bytes: null },
    certificate: null,
    elapsedMs: 0,
  });
}
