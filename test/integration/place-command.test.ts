import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeLoadHistory } from "../../src/formats/expert-load.ts";
import { type PlacementFile, readPlacementFile } from "../../src/formats/placement-file.ts";
import { expectExit2, expectRefused } from "../bad-input.ts";
import { runCli } from "../run-cli.ts";
import { EXPERTS, LAYERS, POOL_FLAGS, type SmallPool, smallPool, TOPOLOGY } from "../small-pool.ts";

let pool: SmallPool;

beforeAll(async () => {
  pool = await smallPool();
});
afterAll(() => pool.folder[Symbol.asyncDispose]());

const place = (load: string, ...more: readonly string[]) => ["place", "--load", load, ...POOL_FLAGS, ...more];
const read = async (path: string): Promise<PlacementFile> => readPlacementFile(await readFile(path), path);

describe("place", () => {
  it("writes a sound placement with a certificate that its shares bear out", async () => {
    const out = pool.folder.path("placed.json");
    expect(await runCli(...place(pool.load, "--groups", "4", "--out", out))).toMatchObject({
      code: 0,
      stderr: "",
    });
    const file = await read(out);
    const expected = await read(pool.placement);
    expect(file).toMatchObject({ modelName: null, moves: { slots: 0, bytes: null } });
    expect(file.placement).toEqual({
      ...expected.placement,
      layers: LAYERS,
      experts: EXPERTS,
      topology: TOPOLOGY,
    });
    expect(file.shares).toEqual(expected.shares);
    const { balancedness, bound, gap, layers } = file.certificate ?? expect.unreachable();
    expect(gap).toBeCloseTo(bound - balancedness, 12);
    const sum = (key: "max" | "mean" | "bound") => layers.reduce((total, layer) => total + layer[key], 0);
    expect(balancedness).toBeCloseTo(sum("mean") / sum("max"), 12);
    expect(bound).toBeCloseTo(sum("mean") / sum("bound"), 12);
    for (const layer of layers) expect(layer.max).toBeGreaterThanOrEqual(layer.bound * (1 - 1e-9));
  });

  it("says with --json what it wrote, and counts the moves from --previous", async () => {
    const out = pool.folder.path("regrouped.json");
    const { code, stdout } = await runCli(
      ...place(pool.load, "--previous", pool.placement, "--out", out, "--json"),
    );
    expect(code).toBe(0);
    const { moves, placement } = await read(out);
    expect(JSON.parse(stdout)).toMatchObject({ out, moves });
    // One group in all: experts leave the node of their former group.
    expect(moves.slots).toBeGreaterThan(0);
    const before = (await read(pool.placement)).placement.physicalToLogical;
    const after = placement.physicalToLogical as Int32Array;
    expect(moves.slots).toBeLessThanOrEqual(after.filter((expert, slot) => expert !== before[slot]).length);
  });

  it("moves nothing where the load is the same", async () => {
    const out = pool.folder.path("same.json");
    await runCli(...place(pool.load, "--groups", "4", "--previous", pool.placement, "--out", out));
    const [before, after] = [await read(pool.placement), await read(out)];
    expect(after.moves.slots).toBe(0);
    expect(after.placement).toEqual(before.placement);
  });

  it("gives the moved bytes where the load has the model's shape", async () => {
    const shape = { layers: 58, experts: 256 };
    const loadOf = (hottest: number) => {
      const tokens = new Float64Array(58 * 256).map((_, i) => (i % 256 === hottest ? 99 : 1));
      return pool.folder.write(`v3-${hottest}.json`, writeLoadHistory([{ ...shape, tokens }]));
    };
    const flags = ["--nodes", "4", "--gpus-per-node", "8", "--slots-per-gpu", "9"];
    const [first, second] = [pool.folder.path("v3-first.json"), pool.folder.path("v3-second.json")];
    await runCli("place", "--load", await loadOf(3), ...flags, "--out", first);
    await runCli("place", "--load", await loadOf(200), ...flags, "--previous", first, "--out", second);
    const { modelName, moves } = await read(second);
    expect(modelName).toBe("deepseek-v3");
    // Three FP8 matrices of 7168 × 2048, with a four-byte scale for every 128 × 128 block.
    expect(moves.bytes).toBe(moves.slots * 3 * 7168 * 2048 * (1 + 4 / 128 ** 2));
    expect(moves.slots).toBeGreaterThan(0);
  });

  it("exits 2 on what it cannot use", async () => {
    const missing = pool.folder.path("missing");
    await expectExit2(pool.folder, [
      [place(missing), `${missing}: cannot be read (ENOENT); name a readable file`],
      [place(pool.load, "--grops", "3"), "error: unknown option '--grops'"],
      [place(pool.load, "--nodes", "0"), "error: option '--nodes <n>' argument '0' is invalid"],
    ]);
  });

  it("names the file, the field and the mend", async () => {
    const { folder, load, placement, routing } = pool;
    const cut = await folder.write("cut.json", (await readFile(load)).subarray(0, 100));
    const wrong = await folder.write("wrong.json", '{"logical_count":[[1,2],[3,-4]]}');
    const shape = "deepseek-v3 has 58 layers of 256 experts; expected the load's 3 of 16";
    await expectRefused(folder, [
      [place(cut), `${cut}: is not JSON`],
      [place(routing), `${routing}: is not UTF-8 text`],
      [place(wrong), `${wrong}: logical_count[1][1] is -4; expected a finite number ≥ 0`],
      [
        place(load, "--slots-per-gpu", "3"),
        "--slots-per-gpu: is 3: 12 slots cannot hold 16 experts; give at least 4",
      ],
      [place(load, "--slots-per-gpu", "1000000"), "--slots-per-gpu: makes 4000000 slots"],
      [place(load, "--groups", "3"), "--groups: is 3; expected a divisor of the load's 16 experts"],
      [
        place(load, "--objective", "activation"),
        "--objective activation: comes with a later version; leave it out",
      ],
      [place(load, "--max-moves", "3"), "--max-moves: comes with a later version; leave it out"],
      [place(load, "--routing", routing), "--routing: comes with a later version; leave it out"],
      [place(load, "--model", "deepseek-v3"), `--model: ${shape}`],
      [place(load, "--previous", load), `${load}: format is not "plimsoll.placement/1"`],
      [
        place(load, "--previous", placement, "--slots-per-gpu", "6"),
        `${placement}: topology is 2 nodes × 2 GPUs × 5 slots`,
      ],
    ]);
  });
});
