import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sumWindows } from "../../src/core/load/sum-windows.ts";
import { evenShares } from "../../src/core/shares/even-shares.ts";
import { balancedness as levelOf, gpuLoads } from "../../src/core/shares/gpu-loads.ts";
import { readExpertLoads, writeLoadHistory } from "../../src/formats/expert-load.ts";
import { readNpy, writeNpyInt32 } from "../../src/formats/npy.ts";
import { type PlacementFile, readPlacementFile } from "../../src/formats/placement-file.ts";
import { expectExit2, expectRefused } from "../bad-input.ts";
import { runCli } from "../run-cli.ts";
import { runHere } from "../run-here.ts";
import { Rng } from "../../src/lib/rng.ts";
import { type ExpertLoad, layerLoad } from "../../src/model/load.ts";
import { indexReplicas } from "../../src/model/placement.ts";
import { gpuCount, gpuOfSlot, slotCount } from "../../src/model/topology.ts";
import { cliqueTrace } from "../clique-trace.ts";
import { gpuExperts } from "../gpu-experts.ts";
import { EXPERTS, LAYERS, POOL_FLAGS, type SmallPool, smallPool, TOPOLOGY } from "../small-pool.ts";

let pool: SmallPool & { readonly drifted: string };

beforeAll(async () => {
  const small = await smallPool();
  const rng = new Rng(11);
  const tokens = Float64Array.from({ length: LAYERS * EXPERTS }, () => Math.exp(2 * rng.normal()));
  const drifted = writeLoadHistory([{ layers: LAYERS, experts: EXPERTS, tokens }]);
  pool = { ...small, drifted: await small.folder.write("drifted.json", drifted) };
});
afterAll(() => pool.folder[Symbol.asyncDispose]());

const place = (load: string, ...more: readonly string[]) => ["place", "--load", load, ...POOL_FLAGS, ...more];
const read = async (path: string): Promise<PlacementFile> => readPlacementFile(await readFile(path), path);

/** Places and reads what was written. */
async function placed(name: string, load: string, ...more: readonly string[]): Promise<PlacementFile> {
  const out = pool.folder.path(name);
  await runHere(...place(load, ...more, "--out", out));
  return read(out);
}

/** Slots that differ. */
function changes(one: PlacementFile, other: PlacementFile): number {
  const slots = one.placement.physicalToLogical as Int32Array;
  return slots.filter((expert, i) => expert !== other.placement.physicalToLogical[i]).length;
}

describe("place", () => {
  it("writes a sound placement with a certificate that its shares bear out", async () => {
    const out = pool.folder.path("placed.json");
    expect(await runCli(...place(pool.load, "--out", out))).toMatchObject({ code: 0, stderr: "" });
    const file = await read(out);
    expect(file).toMatchObject({ modelName: null, moves: { slots: 0, bytes: null } });
    expect(file.placement).toMatchObject({ layers: LAYERS, experts: EXPERTS, topology: TOPOLOGY });
    for (const experts of gpuExperts(file.placement)) expect(new Set(experts).size).toBe(experts.length);
    const { balancedness, bound, gap, layers } = file.certificate ?? expect.unreachable();
    expect(gap).toBeCloseTo(bound - balancedness, 12);
    const sum = (key: "max" | "mean" | "bound") => layers.reduce((total, layer) => total + layer[key], 0);
    expect(balancedness).toBeCloseTo(sum("mean") / sum("max"), 12);
    expect(bound).toBeCloseTo(sum("mean") / sum("bound"), 12);
    for (const layer of layers) expect(layer.max).toBeGreaterThanOrEqual(layer.bound * (1 - 1e-9));
    expect(gap).toBeLessThan(0.001);
  });

  it("places as DeepSeek's EPLB does with --algorithm eplb", async () => {
    const file = await placed("eplb.json", pool.load, "--algorithm", "eplb", "--groups", "4");
    const expected = await read(pool.placement);
    expect(file.placement).toEqual(expected.placement);
    expect(file.shares).toEqual(expected.shares);
  });

  it("writes the same placement again", async () => {
    const [one, other] = [await placed("one.json", pool.load), await placed("other.json", pool.load)];
    expect({ ...other, elapsedMs: 0 }).toEqual({ ...one, elapsedMs: 0 });
  });

  it("gives the moved bytes where the load has the model's shape", async () => {
    const shape = { layers: 58, experts: 256 };
    const loadOf = (hottest: number) => {
      const tokens = new Float64Array(58 * 256).map((_, i) => (i % 256 === hottest ? 99 : 1));
      return pool.folder.write(`v3-${hottest}.json`, writeLoadHistory([{ ...shape, tokens }]));
    };
    const flags = ["--nodes", "4", "--gpus-per-node", "8", "--slots-per-gpu", "9"];
    const [first, second] = [pool.folder.path("v3-first.json"), pool.folder.path("v3-second.json")];
    await runHere("place", "--load", await loadOf(3), ...flags, "--out", first);
    await runHere("place", "--load", await loadOf(200), ...flags, "--previous", first, "--out", second);
    const { modelName, moves } = await read(second);
    expect(modelName).toBe("deepseek-v3");
    // Three FP8 matrices of 7168 × 2048, with a four-byte scale for every 128 × 128 block.
    expect(moves.bytes).toBe(moves.slots * 3 * 7168 * 2048 * (1 + 4 / 128 ** 2));
    expect(moves.slots).toBeGreaterThan(0);
  });
});

describe("place --dispatch", () => {
  const evenMax = ({ placement }: PlacementFile, load: ExpertLoad) => {
    const replicas = indexReplicas(placement);
    const loads = gpuLoads(placement, evenShares(placement, replicas).values, load);
    return levelOf(loads, gpuCount(TOPOLOGY));
  };

  it("places for an engine that splits evenly, and says what it judged by", async () => {
    const load = sumWindows(readExpertLoads(await readFile(pool.drifted), pool.drifted).windows);
    const out = pool.folder.path("even.json");
    const said = await runHere(...place(pool.drifted, "--dispatch", "even", "--out", out));
    const ours = await read(out);
    const shared = await placed("shared.json", pool.drifted);
    const eplb = await placed("own.json", pool.drifted, "--algorithm", "eplb", "--dispatch", "even");
    expect(said).toContain("by even dispatch, of at most");
    expect(ours.certificate?.dispatch).toBe("even");
    expect(ours.certificate?.balancedness).toBeCloseTo(evenMax(ours, load), 9);
    expect(eplb.certificate?.balancedness).toBeCloseTo(evenMax(eplb, load), 9);
    expect(evenMax(ours, load)).toBeGreaterThanOrEqual(evenMax(eplb, load) - 1e-9);
    expect(evenMax(ours, load)).toBeGreaterThanOrEqual(evenMax(shared, load));
    expect(shared.certificate?.dispatch).toBe("shares");
  });

  it("refreshes shares with --max-moves 0: nothing moves, and the new load is level", async () => {
    const first = await placed("fresh.json", pool.load);
    const fresh = ["--previous", pool.folder.path("fresh.json"), "--max-moves", "0"];
    const { placement, moves, certificate, shares } = await placed("refreshed.json", pool.drifted, ...fresh);
    expect(placement).toEqual(first.placement);
    expect(moves.slots).toBe(0);
    expect(shares).not.toEqual(first.shares);
    const even = await placed("kept.json", pool.drifted, ...fresh, "--dispatch", "even");
    expect(certificate?.balancedness).toBeGreaterThan(even.certificate?.balancedness ?? 1);
  });
});

describe("place --previous", () => {
  it("moves nothing where the load is the same", async () => {
    const first = await placed("first.json", pool.load);
    const again = await placed("again.json", pool.load, "--previous", pool.folder.path("first.json"));
    expect(again.moves.slots).toBe(0);
    expect(again.placement).toEqual(first.placement);
  });

  it("adapts to another load by a part of the slots, and says how many moved", async () => {
    const first = await placed("stale.json", pool.load);
    const out = pool.folder.path("adapted.json");
    const before = sumWindows(readExpertLoads(await readFile(pool.load), pool.load).windows);
    const rng = new Rng(12);
    const tokens = before.tokens.map((count) => count * Math.exp(1.2 * rng.normal()));
    const later = await pool.folder.write("later.json", writeLoadHistory([{ ...before, tokens }]));
    const args = place(later, "--previous", pool.folder.path("stale.json"), "--out", out);
    const stdout = await runHere(...args, "--json");
    const adapted = await read(out);
    expect(JSON.parse(stdout)).toMatchObject({ out, moves: adapted.moves });
    expect(adapted.moves.way).toBe("few moves");
    expect(changes(first, adapted)).toBeGreaterThan(0);
    expect(changes(first, adapted)).toBeLessThanOrEqual(0.15 * LAYERS * slotCount(TOPOLOGY));
    expect(adapted.moves.slots).toBeLessThanOrEqual(changes(first, adapted));
  });

  it("makes more moves from a placement that is far from level, and says so", async () => {
    await placed("far.json", pool.load);
    const out = pool.folder.path("nearer.json");
    const said = await runHere(
      ...place(pool.drifted, "--previous", pool.folder.path("far.json"), "--out", out),
    );
    expect((await read(out)).moves.way).toBe("more moves");
    expect(said).toContain("(few would be less level than EPLB)");
  });

  it("changes no more slots than --max-moves, and does better the more it may", async () => {
    const load = pool.drifted;
    const first = await placed("before.json", pool.load);
    const previous = ["--previous", pool.folder.path("before.json")];
    let last = 0;
    for (const most of [0, 1, 2, 4, 8, 60]) {
      const file = await placed("capped.json", load, ...previous, "--max-moves", String(most));
      expect(changes(first, file)).toBeLessThanOrEqual(most);
      if (most === 0) expect(file.placement).toEqual(first.placement);
      if (most === 1) expect(changes(first, file)).toBe(1);
      const { balancedness } = file.certificate ?? expect.unreachable();
      expect(balancedness).toBeGreaterThanOrEqual(last);
      last = balancedness;
    }
    const anew = (await placed("anew.json", load)).certificate ?? expect.unreachable();
    expect(last).toBeGreaterThan(0.95 * anew.balancedness);
  });
});

/** The fullest GPU's expected activated slots, summed over layers; each selection of the batch is independent. */
function fullestActivations(
  { placement, shares }: PlacementFile,
  load: ExpertLoad,
  selections: number,
): number {
  const width = slotCount(TOPOLOGY);
  let sum = 0;
  for (let layer = 0; layer < LAYERS; layer++) {
    const tokens = layerLoad(load, layer);
    const total = tokens.reduce((a, b) => a + b, 0);
    const active = new Float64Array(gpuCount(TOPOLOGY));
    for (let slot = 0; slot < width; slot++) {
      const i = layer * width + slot;
      const expected = (tokens[placement.physicalToLogical[i]] / total) * shares[i] * selections;
      active[gpuOfSlot(TOPOLOGY, slot)] += 1 - Math.exp(-expected);
    }
    sum += Math.max(...active);
  }
  return sum;
}

describe("place --objective activation", () => {
  it("serves every expert from one slot, and levels what a decode batch activates", async () => {
    const batchTokens = 4;
    const flags = ["--objective", "activation", "--batch-tokens", String(batchTokens)];
    const activation = await placed("activation.json", pool.drifted, ...flags);
    const tokens = await placed("tokens.json", pool.drifted);
    expect(new Set(activation.shares as Float64Array)).toEqual(new Set([0, 1]));
    const shares = activation.shares as Float64Array;
    expect(shares.reduce((a, b) => a + b, 0)).toBe(LAYERS * EXPERTS);
    // The command knows no model of this shape, so it counts DeepSeek-V3's eight experts per token.
    const selections = 8 * batchTokens;
    const load = sumWindows(readExpertLoads(await readFile(pool.drifted), pool.drifted).windows);
    const fullest = (file: PlacementFile) => fullestActivations(file, load, selections);
    expect(fullest(activation)).toBeLessThan(fullest(tokens));
  });
});

describe("place --routing", () => {
  it("needs fewer node hops on that trace", async () => {
    const cliques = { experts: 32, size: 4, perToken: 1, skew: 1 };
    const { tokens, topk, experts } = cliqueTrace(cliques, 2000, 5, 5);
    const trace = await pool.folder.write(
      "cliques.npy",
      writeNpyInt32([tokens, 1, topk], Int32Array.from(experts)),
    );
    const counts = new Float64Array(32);
    for (const expert of experts) counts[expert]++;
    const load = await pool.folder.write(
      "cliques.json",
      writeLoadHistory([{ layers: 1, experts: 32, tokens: counts }]),
    );
    const flags = ["--nodes", "2", "--gpus-per-node", "2", "--slots-per-gpu", "9"];
    const nodeHops = async (name: string, ...more: string[]) => {
      const out = pool.folder.path(name);
      await runHere("place", "--load", load, ...flags, ...more, "--out", out);
      const args = ["--placement", out, "--routing", trace, "--batch-tokens", "500"];
      const stdout = await runHere("dispatch", ...args, "--out", pool.folder.path("slots.npy"), "--json");
      return (JSON.parse(stdout) as { nodeHopsPerToken: number }).nodeHopsPerToken;
    };
    const without = await nodeHops("apart.json");
    const light = await nodeHops("light.json", "--routing", trace, "--groups", "8", "--hop-weight", "0.01");
    const together = await nodeHops("together.json", "--routing", trace, "--groups", "8");
    expect(together).toBeLessThan(0.8 * without);
    expect(together).toBeLessThanOrEqual(light);
  });
});

describe("place on GPUs that differ", () => {
  it("uses the slots that --gpu-slots and --out-of-service leave, and dispatch takes the file", async () => {
    const flags = ["--gpu-slots", "8,8,7,4", "--out-of-service", "1", "--slots-per-gpu", "8"];
    const file = await placed("uneven.json", pool.load, ...flags);
    for (const [i, experts] of gpuExperts(file.placement).entries()) {
      const usable = [8, 0, 7, 4][i % 4];
      expect(experts.slice(usable)).toEqual(Array.from({ length: 8 - usable }, () => -1));
      const held = experts.filter((expert) => expert >= 0);
      expect(new Set(held).size).toBe(held.length);
    }
    const slots = pool.folder.path("uneven.npy");
    const args = ["--placement", pool.folder.path("uneven.json"), "--routing", pool.routing];
    await runHere("dispatch", ...args, "--batch-tokens", "300", "--out", slots);
    const { values } = readNpy(await readFile(slots), slots);
    const used = new Set(
      (values as Int32Array).filter((slot) => slot >= 0).map((slot) => Math.floor(slot / 8)),
    );
    expect([...used].toSorted((a, b) => a - b)).toEqual([0, 2, 3]);
  });

  it("gives slower GPUs less with --gpu-speeds", async () => {
    const file = await placed("speeds.json", pool.load, "--gpu-speeds", "1,0.5,1,0.5");
    const load = sumWindows(readExpertLoads(await readFile(pool.load), pool.load).windows);
    const loads = gpuLoads(file.placement, file.shares, load);
    const speeds = [1, 0.5, 1, 0.5];
    for (const [layer, { max, mean }] of (file.certificate ?? expect.unreachable()).layers.entries()) {
      const times = speeds.map((speed, gpu) => loads[layer * 4 + gpu] / speed);
      expect(Math.max(...times)).toBeCloseTo(max, 6);
      expect(mean).toBeCloseTo(layerLoad(load, layer).reduce((a, b) => a + b, 0) / 3, 6);
      expect(max).toBeLessThan(1.02 * mean);
    }
  });

  it("fills slots that came back into service, with --previous", async () => {
    await placed("lame.json", pool.load, "--out-of-service", "3", "--slots-per-gpu", "8");
    const flags = ["--previous", pool.folder.path("lame.json"), "--max-moves", "24", "--slots-per-gpu", "8"];
    const whole = await placed("whole.json", pool.load, ...flags);
    const held = gpuExperts(whole.placement).filter((_, i) => i % 4 === 3);
    for (const experts of held) expect(experts.some((expert) => expert >= 0)).toBe(true);
    const { balancedness } = whole.certificate ?? expect.unreachable();
    expect(balancedness).toBeGreaterThan(0.9);
  });
});

it("place takes the GPUs as one name, with slots for some redundant experts where it names none", async () => {
  const named = async (topology: string) => {
    const out = pool.folder.path(`${topology}.json`);
    await runHere("place", "--load", pool.load, "--topology", topology, "--out", out);
    return (await read(out)).placement;
  };
  expect(await named("2x2")).toEqual(await named("2x2x5"));
  expect((await named("2x2")).topology).toEqual(TOPOLOGY);
});

describe("place, where a layer has no token", () => {
  it("leaves it as it is, and says so", async () => {
    const load = await pool.folder.write(
      "draft.json",
      JSON.stringify({
        logical_count: [
          [9, 1, 1, 5],
          [0, 0, 0, 0],
        ],
      }),
    );
    const flags = ["--nodes", "1", "--gpus-per-node", "2", "--slots-per-gpu", "3"];
    const [first, second] = [pool.folder.path("draft-first.json"), pool.folder.path("draft-second.json")];
    const said = await runHere("place", "--load", load, ...flags, "--out", first);
    expect(said).toContain(", layer 1 idle: every expert alike, 0 slots moved, ");
    const more = ["--previous", first, "--out", second];
    expect(await runHere("place", "--load", load, ...flags, ...more)).toContain(", layer 1 idle: kept, ");
    const json = JSON.parse(await runHere("place", "--load", load, ...flags, ...more, "--json")) as unknown;
    expect(json).toMatchObject({ idleLayers: [1], moves: { slots: 0, bytes: null, necessary: 0 } });
    expect((await read(second)).placement).toEqual((await read(first)).placement);
  });
});

describe("place, where the load numbers its layers", () => {
  it("says idle layers by their numbers, and adapts a placement of the same layers only", async () => {
    const write = (name: string, layers: readonly number[]) => {
      const counts = [
        [0, 0, 0, 0],
        [9, 1, 1, 5],
      ];
      return pool.folder.write(name, JSON.stringify({ logical_count: counts, moe_layers: layers }));
    };
    const flags = ["--nodes", "1", "--gpus-per-node", "2", "--slots-per-gpu", "3"];
    const [load, other] = [await write("numbered.json", [3, 5]), await write("others.json", [3, 7])];
    const out = pool.folder.path("numbered-out.json");
    expect(await runHere("place", "--load", load, ...flags, "--out", out)).toContain(
      ", layer 3 idle: every expert alike, ",
    );
    await expectRefused(pool.folder, [
      [
        ["place", "--load", other, ...flags, "--previous", out],
        `${out}: model.moeLayers are 3, 5; expected the load's 3, 7`,
      ],
    ]);
  });
});

describe("place --previous of a pool of another size", () => {
  it.each([
    ["grows by ranks", ["--gpus-per-node", "3"]],
    ["grows by slots", ["--slots-per-gpu", "6"]],
    ["shrinks by ranks", ["--nodes", "1", "--gpus-per-node", "3", "--slots-per-gpu", "6"]],
    ["shrinks by slots", ["--slots-per-gpu", "4"]],
  ])("%s", async (_, flags) => {
    await placed("sized.json", pool.load);
    const { placement, moves } = await placed(
      "resized.json",
      pool.load,
      "--previous",
      pool.folder.path("sized.json"),
      ...flags,
    );
    expect(placement.physicalToLogical).not.toContain(-1);
    expect(moves.slots).toBeGreaterThan(0);
    expect(moves.slots).toBeLessThan(0.7 * LAYERS * slotCount(placement.topology));
  });

  it("moves what must move whatever --max-moves says, and says so", async () => {
    await placed("whole-pool.json", pool.load, "--slots-per-gpu", "8");
    const out = pool.folder.path("half-pool.json");
    const flags = ["--nodes", "1", "--slots-per-gpu", "8", "--previous", pool.folder.path("whole-pool.json")];
    const said = await runHere(...place(pool.load, ...flags, "--max-moves", "1", "--out", out));
    const { moves } = await read(out);
    expect(said).toContain(`${moves.slots} slots moved (more than --max-moves 1: experts would be missing)`);
  });
});

describe("place, given what it cannot use", () => {
  it("exits 2", async () => {
    const missing = pool.folder.path("missing");
    const idle = await pool.folder.write("idle.json", '{"logical_count":[[0,0,0],[0,0,0]]}');
    await expectExit2(pool.folder, [
      [place(missing), `${missing}: cannot be read (ENOENT); name a readable file`],
      [place(idle), `${idle}: has no token in any layer; give a load with at least one`],
      [place(pool.load, "--grops", "3"), "error: unknown option '--grops'"],
      [place(pool.load, "--nodes", "0"), "error: option '--nodes <n>' argument '0' is invalid"],
      [place(pool.load, "--max-moves", "-1"), "error: option '--max-moves <n>' argument '-1' is invalid"],
      [place(pool.load, "--gpu-slots", "5,5,x,5"), "error: option '--gpu-slots <list>' argument '5,5,x,5'"],
    ]);
  });

  it("names the file, the field and what to change", async () => {
    const { folder, load, placement, routing } = pool;
    const cut = await folder.write("cut.json", (await readFile(load)).subarray(0, 100));
    const wrong = await folder.write("wrong.json", '{"logical_count":[[1,2],[3,-4]]}');
    const infinite = await folder.write("infinite.json", '{"logical_count":[[1,2],[3,Infinity]]}');
    const notANumber = await folder.write("nan.json", '{"logical_count":[[NaN,2],[3,4]]}');
    const small = await folder.write("small.json", '{"logical_count":[[1,2,3,4]]}');
    const shape = "has 3 rows of 16 experts; expected those of deepseek-v3: 58 rows of 256 experts";
    await expectRefused(folder, [
      [place(load, "--topology", "2x2x5"), "--nodes: says again what --topology says; leave one of them out"],
      [["place", "--load", load], "--topology: is missing; give the GPUs, e.g. 4x8x9"],
      [
        ["place", "--load", load, "--nodes", "2"],
        "--gpus-per-node: is missing; give it, or all three at once",
      ],
      [["place", "--load", load, "--topology", "2x2x1"], "--topology: has 4 slots; expected at least the"],
      [place(cut), `${cut}: is not JSON`],
      [place(routing), `${routing}: array layer `],
      [place(wrong), `${wrong}: logical_count[1][1] is -4; expected a finite number ≥ 0`],
      [place(infinite), `${infinite}: logical_count[1][1] is "Infinity"; expected a finite number ≥ 0`],
      [place(notANumber), `${notANumber}: logical_count[0][0] is "NaN"; expected a finite number ≥ 0`],
      [
        place(load, "--slots-per-gpu", "3"),
        "--slots-per-gpu: is 3: 12 slots cannot hold 16 experts; give at least 4",
      ],
      [place(load, "--slots-per-gpu", "1000000"), "--slots-per-gpu: makes 4000000 slots"],
      [place(load, "--groups", "3"), "--groups: is 3; expected a divisor of the load's 16 experts"],
      [
        place(load, "--gpu-slots", "5,5,5"),
        "--gpu-slots: has 3 entries; expected one for each of the 4 GPUs",
      ],
      [place(load, "--gpu-slots", "5,6,5,5"), "--gpu-slots: gives GPU 1 6 slots; expected at most the 5"],
      [
        place(load, "--gpu-speeds", "1,1,1,1,1"),
        "--gpu-speeds: has 5 entries; expected one for each of the 4 GPUs",
      ],
      [place(load, "--gpu-speeds", "1,1,1,0"), "--gpu-speeds: gives GPU 3 speed 0; expected more"],
      [place(load, "--out-of-service", "4"), "--out-of-service: names GPU 4; expected 0..3"],
      [
        place(load, "--out-of-service", "1"),
        "--gpu-slots and --out-of-service: leave 15 slots for 16 experts; leave at least as many",
      ],
      [
        place(load, "--algorithm", "eplb", "--gpu-slots", "5,5,5,4"),
        "--algorithm eplb: fills every slot; leave out --gpu-slots and --out-of-service",
      ],
      [place(load, "--routing", load), `${load}: is not a .npy file`],
      [place(load, "--model", "deepseek-v3"), `${load}: ${shape}`],
      [place(load, "--previous", load), `${load}: format is not "plimsoll.placement/1"`],
      [
        place(small, "--previous", placement),
        `${placement}: model has 3 layers of 16 experts; expected the load's 1 of 4`,
      ],
    ]);
  });

  it("says which option has no effect", async () => {
    const { folder, load, placement, routing } = pool;
    const oneNode = ["--nodes", "1", "--gpus-per-node", "4"];
    const eplb = ["--algorithm", "eplb"];
    await expectRefused(folder, [
      [
        place(load, "--max-moves", "3"),
        "--max-moves: counts from a placement in force; give it with --previous",
      ],
      [
        place(load, "--previous", placement, "--routing", routing),
        "--routing: has no say in adapting a placement; leave it or --previous out",
      ],
      [
        place(load, "--hop-weight", "6"),
        "--hop-weight: weighs the hops of a routing trace; give it with --routing",
      ],
      [
        place(load, "--groups", "4", "--hop-weight", "6"),
        "--hop-weight: weighs the hops of a routing trace; give it with --routing",
      ],
      [
        place(load, "--batch-tokens", "64"),
        "--batch-tokens: is the size of decode batches; give it with --objective activation",
      ],
      [
        place(load, ...oneNode, "--groups", "4"),
        "--groups: keeps groups on nodes, and there is one node; leave it out",
      ],
      [
        place(load, ...oneNode, "--routing", routing, "--hop-weight", "6"),
        "--hop-weight: weighs hops between nodes, and there is one node; leave it out",
      ],
      [
        place(load, ...oneNode, "--routing", routing),
        `${routing}: shape has 1000 tokens; on one node a trace shows how batches vary, which takes 4096 at least`,
      ],
      [
        place(load, ...eplb, "--previous", placement, "--max-moves", "3"),
        "--algorithm eplb: moves what it likes; leave out --max-moves",
      ],
      [
        place(load, "--dispatch", "even", "--routing", routing),
        "--routing: has no say where the engine's dispatch is even; leave it out",
      ],
      [
        place(load, "--dispatch", "static", "--objective", "activation"),
        "--objective activation: is served by whole shares; leave out --dispatch",
      ],
      [place(load, ...eplb, "--routing", routing), "--algorithm eplb: reads no routing; leave out --routing"],
      [
        place(load, ...eplb, "--nodes", "3", "--groups", "4"),
        "--groups: is 4; EPLB keeps groups on nodes only where the 3 nodes divide them: leave it out",
      ],
    ]);
  });
});
