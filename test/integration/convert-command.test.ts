import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readPlacementFile } from "../../src/formats/placement-file.ts";
import { expectExit2, expectRefused } from "../bad-input.ts";
import { runCli } from "../run-cli.ts";
import { type SmallPool, smallPool } from "../small-pool.ts";

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
const json = async <T>(path: string): Promise<T> => JSON.parse(await readFile(path, "utf8")) as T;
const TWO_GPUS = ["--nodes", "1", "--gpus-per-node", "2"];

describe("convert", () => {
  it("turns a placement into SGLang's and back", async () => {
    const { folder, placement } = pool;
    const [sglang, back] = [folder.path("sglang.json"), folder.path("back.json")];
    const there = await runCli(...convert("plimsoll", "sglang", placement, "--out", sglang, "--json"));
    expect(there).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(there.stdout)).toEqual({ from: "plimsoll", to: "sglang", in: placement, out: sglang });
    const { physical_to_logical_map } = await json<{ physical_to_logical_map: number[][] }>(placement);
    expect(await json(sglang)).toEqual({ physical_to_logical_map });
    const gpus = ["--nodes", "2", "--gpus-per-node", "2"];
    await runCli(...convert("sglang", "plimsoll", sglang, "--out", back, ...gpus));
    const after = readPlacementFile(await readFile(back), back);
    expect(after.placement).toEqual(readPlacementFile(await readFile(placement), placement).placement);
    expect(after).toMatchObject({ modelName: null, certificate: null });
  });

  it("turns a load into SGLang's, its windows summed, and back", async () => {
    const { folder, load } = pool;
    const [sglang, back] = [folder.path("count.json"), folder.path("history.json")];
    await runCli(...convert("eplb", "sglang", load, "--out", sglang));
    const { load_history } = await json<{ load_history: { logical_expert_load: number[][] }[] }>(load);
    const doubled = load_history[0].logical_expert_load.map((row) => row.map((tokens) => 2 * tokens));
    expect(await json(sglang)).toEqual({ logical_count: doubled });
    await runCli(...convert("sglang", "eplb", sglang, "--out", back));
    expect(await json(back)).toEqual({ load_history: [{ logical_expert_load: doubled }] });
  });

  it("exits 2 on what it cannot use", async () => {
    await expectExit2(pool.folder, [
      [
        convert("trtllm", "sglang", pool.load),
        "--from, --to: trtllm → sglang is not among what this version converts",
      ],
      [convert("tar", "sglang", pool.load), "error: option '--from <format>' argument 'tar' is invalid"],
    ]);
  });

  it("names the file, the field and the mend", async () => {
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
        "--from, --to: plimsoll → eplb is not among what this version converts",
      ],
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
});
