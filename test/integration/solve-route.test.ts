import { type FastifyInstance, fastify } from "fastify";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadModel, shippedModels } from "../../src/config/shapes.ts";
import { Solver, SolverBusy } from "../../src/control/solve/solver.ts";
import { solvePlacement } from "../../src/core/planning/solve-placement.ts";
import { nest } from "../../src/formats/json.ts";
import { type PlacementFile, readPlacementFile } from "../../src/formats/placement-file.ts";
import { errorAnswer } from "../../src/http/errors.ts";
import { solveRoute } from "../../src/http/solve-route.ts";
import { Rng } from "../../src/lib/rng.ts";
import { CONSUMER_DISPATCHES } from "../../src/model/consumer-dispatch.ts";
import type { ExpertLoad } from "../../src/model/load.ts";
import { type MoeModel, expertBytes } from "../../src/model/moe-model.ts";
import { placementFault } from "../../src/model/placement.ts";
import { consecutive } from "../../src/model/layer-numbers.ts";
import { fullCapacity } from "../../src/model/pool-capacity.ts";
import { slotCount } from "../../src/model/topology.ts";
import { problemOf } from "../placement-problem.ts";

const TOPOLOGY = { nodes: 2, gpusPerNode: 2, slotsPerGpu: 5 };
const load = randomLoad(3, 16);
const rows = nest(load.tokens, 16);
const problem = problemOf(load, TOPOLOGY, { groups: 4 });

let solver: Solver;
let app: FastifyInstance;
let url: string;
beforeAll(async () => {
  solver = new Solver(shippedModels);
  app = fastify();
  app.setErrorHandler((error, _request, reply) => {
    const { status, body } = errorAnswer(error);
    return reply.code(status).send(body);
  });
  solveRoute(app, solver);
  url = `${await app.listen({ port: 0, host: "127.0.0.1" })}/ep/v1/solve`;
});
afterAll(async () => {
  await app.close();
  await solver.close();
});

function randomLoad(layers: number, experts: number): ExpertLoad {
  const rng = new Rng(layers);
  const tokens = Float64Array.from({ length: layers * experts }, () => Math.exp(rng.normal()));
  return { layers, experts, tokens };
}

function ask(body: unknown): Promise<Response> {
  return fetch(url, { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body) });
}

async function solved(body: unknown): Promise<PlacementFile> {
  const response = await ask(body);
  expect(response.status).toBe(200);
  return readPlacementFile(new Uint8Array(await response.arrayBuffer()), "answer");
}

describe("POST /ep/v1/solve", () => {
  it("answers with the file that `place` writes, whichever way the load is told", async () => {
    const { placement, shares, certificate, moves } = solvePlacement(problem);
    const expected = { modelName: null, placement, shares, certificate, moves };
    const history = [{ logical_expert_load: rows }];
    for (const told of [{ load: rows }, { logical_count: rows }, { load_history: history }]) {
      expect(await solved({ ...told, topology: TOPOLOGY, groups: 4 })).toMatchObject(expected);
    }
  });

  it("brings back what was lost by few moves, and says what they weigh", async () => {
    const model = await loadModel("deepseek-v3");
    const big = randomLoad(58, 256);
    const topology = { nodes: 4, gpusPerNode: 8, slotsPerGpu: 9 };
    const capacity = fullCapacity(topology);
    const before = solvePlacement({ ...problem, load: big, topology, capacity }).placement;
    const previous = nest(before.physicalToLogical, slotCount(topology)).map((row) => row.fill(-1, 0, 9));
    const body = {
      load: nest(big.tokens, 256),
      topology,
      previous,
      outOfService: [0],
      maxMoves: 0,
      model: model.name,
    };
    const { placement, moves, modelName } = await solved(body);
    expect(placementFault(placement)).toBeNull();
    const lost = before.physicalToLogical as Int32Array;
    const held = placement.physicalToLogical as Int32Array;
    const changed = held.filter((expert, i) => expert >= 0 && expert !== lost[i]);
    expect(moves).toEqual({
      slots: changed.length,
      bytes: changed.length * expertBytes(model),
      way: "few moves",
    });
    expect(changed.length).toBeLessThanOrEqual(58 * 9);
    expect(held.every((expert, i) => i % 288 >= 9 || expert === -1)).toBe(true);
    expect(modelName).toBe("deepseek-v3");
  });

  it("keeps the numbers of layers that the load says", async () => {
    const idle = rows[0].map(() => 0);
    const told = [
      { moe_layers: [1, 3, 5], load: rows },
      { moe_layers: [1, 3, 5], logical_count: [idle, rows[0], idle, rows[1], idle, rows[2]] },
    ];
    for (const given of told) {
      const { layers, placement } = await solved({ ...given, topology: TOPOLOGY });
      expect(layers).toEqual([1, 3, 5]);
      expect(placement.layers).toBe(3);
    }
    expect((await solved({ load: rows, topology: TOPOLOGY })).layers).toBeNull();
  });

  it("answers a row for every row, also of layers without a token", async () => {
    const idle = [rows[0], rows[1].map(() => 0), rows[2]];
    const alike = await solved({ load: idle, topology: TOPOLOGY });
    expect(alike.placement.layers).toBe(3);
    expect(alike.certificate?.layers[1]).toMatchObject({ max: 0, mean: 0 });
    const row = Array.from({ length: 20 }, (_, slot) => slot % 16);
    const kept = await solved({ load: idle, topology: TOPOLOGY, previous: [row, row, row] });
    expect([...(kept.placement.physicalToLogical as Int32Array).subarray(20, 40)]).toEqual(row);
  });

  it("names the layers of a model's rows, all or some of them", async () => {
    const topology = { nodes: 1, gpusPerNode: 8, slotsPerGpu: 1 };
    const model = "mixtral-8x7b";
    const whole = nest(randomLoad(32, 8).tokens, 8);
    expect((await solved({ load: whole, topology, model })).layers).toEqual(consecutive(0, 32));
    const stage = { load: whole.slice(0, 2), moe_layers: [4, 9], model };
    expect((await solved({ ...stage, topology })).layers).toEqual([4, 9]);

    const v3 = { topology: { nodes: 8, gpusPerNode: 32, slotsPerGpu: 1 }, model: "deepseek-v3" };
    const rowsOf61 = nest(randomLoad(61, 256).tokens, 256);
    const idle = rowsOf61.map((row, layer) => (layer < 3 ? row.map(() => 0) : row));
    expect((await solved({ ...v3, load: idle })).layers).toEqual(consecutive(0, 61));
    const refused = await ask({ ...v3, load: rowsOf61 });
    expect([refused.status, await refused.text()]).toEqual([
      400,
      expect.stringContaining("model has no experts in layer 0, of which the load counts tokens"),
    ]);
  });

  it("adapts a placement of a pool of another size: ranks keep their numbers", async () => {
    const row = Array.from({ length: 20 }, (_, slot) => slot % 16);
    const previous = [row, row, row];
    const grown = { ...TOPOLOGY, nodes: 3 };
    const wider = { ...TOPOLOGY, slotsPerGpu: 6 };
    const same = { load: rows, previous, maxMoves: 0 };
    const more = (await solved({ ...same, topology: grown })).placement.physicalToLogical as Int32Array;
    expect([...more.subarray(0, 20)]).toEqual(row);
    const told = { ...same, topology: wider, previousTopology: TOPOLOGY };
    const slots = (await solved(told)).placement.physicalToLogical as Int32Array;
    expect([...slots.subarray(0, 6)]).toEqual([0, 1, 2, 3, 4, -1]);
    const fewer = await solved({
      ...same,
      topology: { nodes: 1, gpusPerNode: 2, slotsPerGpu: 8 },
      previousTopology: TOPOLOGY,
    });
    expect(
      [...(fewer.placement.physicalToLogical as Int32Array).subarray(0, 16)].toSorted((a, b) => a - b),
    ).toEqual(row.slice(0, 16));
    expect(fewer.moves.slots).toBe(3 * 6);
  });

  it("judges by the engine's dispatch, and says so", async () => {
    for (const dispatch of CONSUMER_DISPATCHES) {
      const { certificate } = await solved({ load: rows, topology: TOPOLOGY, dispatch });
      expect(certificate?.dispatch).toBe(dispatch);
    }
  });

  it.each([
    { sameForAllRanks: false, ranks: 4 },
    { sameForAllRanks: true, ranks: 1 },
  ])(
    "lists slots by their shares in tables of entries, $ranks of them",
    async ({ sameForAllRanks, ranks }) => {
      const response = await ask({ load: rows, topology: TOPOLOGY, entries: 64, sameForAllRanks });
      const bytes = new Uint8Array(await response.arrayBuffer());
      const { placement, shares } = readPlacementFile(bytes, "answer");
      const { dispatch_tables: tables } = JSON.parse(new TextDecoder().decode(bytes)) as {
        dispatch_tables: { entries: number; counts: string };
      };
      expect(tables.entries).toBe(64);
      const counts = new Uint8Array(Buffer.from(tables.counts, "base64"));
      const stride = 3 * slotCount(TOPOLOGY);
      expect(counts.length).toBe(ranks * stride);
      for (let i = 0; i < stride; i++) {
        let listed = 0;
        for (let rank = 0; rank < ranks; rank++) listed += counts[rank * stride + i];
        expect(Math.abs(listed - shares[i] * ranks * 64)).toBeLessThan(1);
      }
      for (let rank = 0; rank < ranks; rank++) {
        const ofExperts = new Float64Array(3 * 16);
        for (let i = 0; i < stride; i++) {
          const row = Math.floor(i / slotCount(TOPOLOGY)) * 16;
          ofExperts[row + placement.physicalToLogical[i]] += counts[rank * stride + i];
        }
        expect([...new Set(ofExperts)]).toEqual([64]);
      }
    },
  );

  const sound = { load: rows, topology: TOPOLOGY };
  it.each<[string, unknown]>([
    ["body: is not JSON", ""],
    ["body: is not a JSON object", "[]"],
    ["body: load is missing", { topology: TOPOLOGY }],
    ["body: load[0][1] is -2", { ...sound, load: [[1, -2]] }],
    ["body: has no token in any layer", { ...sound, load: rows.map((row) => row.map(() => 0)) }],
    ["body: load has 257 layers", { ...sound, load: Array.from({ length: 257 }, () => [1]) }],
    ["body: topology is not", { load: rows }],
    ["body: topology.slotsPerGpu is 3: 12 slots", { ...sound, topology: { ...TOPOLOGY, slotsPerGpu: 3 } }],
    ["body: topology makes 40000 slots", { ...sound, topology: { ...TOPOLOGY, nodes: 4000 } }],
    [
      "topology.slotsPerGpu is 17; expected at most 16",
      { ...sound, topology: { ...TOPOLOGY, slotsPerGpu: 17 } },
    ],
    [
      "topology makes 128 slots for 1 experts; expected at most 64",
      { load: [[1]], topology: { nodes: 1, gpusPerNode: 128, slotsPerGpu: 1 } },
    ],
    [
      "lets an expert have 449 replicas in each of 32 layers",
      {
        load: Array.from({ length: 32 }, () => Array.from({ length: 64 }, () => 1)),
        topology: { nodes: 64, gpusPerNode: 8, slotsPerGpu: 1 },
      },
    ],
    ["body: load[1] has 15 entries; expected 16", { ...sound, load: [rows[0], rows[1].slice(1)] }],
    [
      "body: load[1] is []; expected a list of numbers",
      {
        ...sound,
        load: [Array.from({ length: 100_000 }, () => 1), ...Array.from({ length: 100_000 }, () => [])],
      },
    ],
    ["body: previous[1] has 1 entries", { ...sound, previous: [rows[0], [1], [2]] }],
    ["body: nests deeper than 8", "[".repeat(4_000_000)],
    ["body: is not JSON", " ".repeat(8 << 20)],
    ["body: is not JSON", `{"load":${"NaN ".repeat(50_000)}`],
    ['body: load[0][1] is "NaN"', `{"load":[[1, NaN]],"topology":${JSON.stringify(TOPOLOGY)}}`],
    ["body: groups is 3; expected a divisor", { ...sound, groups: 3 }],
    ['body: dispatch is "evenly"; expected shares, even,', { ...sound, dispatch: "evenly" }],
    ["body: entries is 256; expected", { ...sound, entries: 256 }],
    ["body: entries carry shares", { ...sound, entries: 64, dispatch: "even" }],
    ["body: sameForAllRanks is of dispatch tables", { ...sound, sameForAllRanks: true }],
    ["body: sameForAllRanks is neither true nor false", { ...sound, entries: 64, sameForAllRanks: 1 }],
    [
      "body: entries make too large tables",
      {
        load: Array.from({ length: 21 }, () => Array.from({ length: 2000 }, () => 1)),
        topology: { nodes: 50, gpusPerNode: 8, slotsPerGpu: 5 },
        entries: 1,
      },
    ],
    ["body: gpuSlots has 2 entries", { ...sound, gpuSlots: [5, 5] }],
    ["body: outOfService is not a list", { ...sound, outOfService: 3 }],
    ["body: gpuSlots and outOfService leave 15 slots", { ...sound, outOfService: [1] }],
    ["body: previous is 1 × 1; expected 3 layers × 20", { ...sound, previous: [[1]] }],
    [
      "body: previous is 3 × 7; expected 3 layers × 20 slots, or previousTopology beside it",
      { ...sound, previous: rows.map(() => Array<number>(7).fill(0)) },
    ],
    [
      "body: previous is 3 × 20; expected 3 layers × 16 slots",
      {
        ...sound,
        previous: rows.map((row) => [...row, 0, 0, 0, 0].fill(0)),
        previousTopology: { ...TOPOLOGY, slotsPerGpu: 4 },
      },
    ],
    ["body: previous[0][0] is 16", { ...sound, previous: rows.map(() => Array<number>(20).fill(16)) }],
    ["body: previousTopology.nodes is", { ...sound, previous: rows.map(() => [0]), previousTopology: {} }],
    ["body: previousTopology is of a placement in force", { ...sound, previousTopology: TOPOLOGY }],
    ["body: maxMoves is of a placement in force", { ...sound, maxMoves: 3 }],
    [
      "body: groups keeps groups on nodes, and there is one node",
      { ...sound, topology: { nodes: 1, gpusPerNode: 4, slotsPerGpu: 5 }, groups: 4 },
    ],
    ["body: model is not known", { ...sound, model: "none" }],
    ["body: model has 58 layers", { ...sound, model: "deepseek-v3" }],
    ["body: slots is unknown", { ...sound, slots: 3 }],
  ])("%s", async (message, body) => {
    const response = await ask(body);
    const { error } = (await response.json()) as { error: { message: string; code: string } };
    expect({ status: response.status, code: error.code }).toEqual({ status: 400, code: "invalid_request" });
    expect(error.message).toContain(message);
  });

  it("reads no more than a body can need", async () => {
    const response = await ask(" ".repeat(8 * 1024 * 1024 + 1));
    expect(response.status).toBe(413);
  });
});

describe("the solver", () => {
  const body = (more: object = {}) =>
    new TextEncoder().encode(JSON.stringify({ load: rows, topology: TOPOLOGY, ...more }));
  const stays = new AbortController().signal;

  it("lets so many wait and no more; who leaves makes room", async () => {
    const leaves = new AbortController();
    const gone = Array.from({ length: 2 }, () => solver.solve(body(), leaves.signal));
    const kept = Array.from({ length: 15 }, () => solver.solve(body(), stays));
    await expect(solver.solve(body(), stays)).rejects.toThrow(SolverBusy);
    leaves.abort(new Error("left"));
    kept.push(solver.solve(body(), stays));
    for (const answer of gone) await expect(answer).rejects.toThrow("left");
    expect(new Set((await Promise.all(kept)).map(mapOf)).size).toBe(1);
  });

  it("lets a client take all places, and gives it up for those who have none", async () => {
    const one = Array.from({ length: 17 }, () => solver.solve(body(), stays, "one"));
    const settled = Promise.allSettled(one);
    const two = Array.from({ length: 2 }, () => solver.solve(body(), stays, "two"));
    await Promise.all(two);
    expect((await settled).map(({ status }) => status).lastIndexOf("fulfilled")).toBe(14);
  });

  it("lets what takes long give way to others, not to the same client's", async () => {
    const skew = Array.from({ length: 20 }, () => Array.from({ length: 256 }, (_, e) => 1 / (e + 1)));
    const long = body({ load: skew, topology: { nodes: 40, gpusPerNode: 8, slotsPerGpu: 2 } });
    const impatient = new Solver(async () => [], 60_000, 1);
    try {
      await Promise.all([impatient.solve(long, stays, "one"), impatient.solve(body(), stays, "one")]);
      const given = impatient.solve(long, stays, "one");
      const taken = impatient.solve(body(), stays, "two");
      await expect(given).rejects.toThrow("It was not solved within 1 ms, and others wait.");
      expect(mapOf(await taken)).toBe(mapOf(await solver.solve(body(), stays)));
    } finally {
      await impatient.close();
    }
  });

  it("goes on in a new thread when one is lost", async () => {
    const broken = new Solver(async () => [null as unknown as MoeModel]);
    try {
      const [fatal, next] = [broken.solve(body({ model: "any" }), stays), broken.solve(body(), stays)];
      await expect(fatal).rejects.toThrow(/^the solver is lost: TypeError/);
      expect(mapOf(await next)).toBe(mapOf(await solver.solve(body(), stays)));
    } finally {
      await broken.close();
    }
  });

  it("gives up what takes too long", async () => {
    // No thread has started by then.
    const hasty = new Solver(async () => [], 1);
    await expect(hasty.solve(body(), stays)).rejects.toThrow("It was not solved within 1 ms.");
    await hasty.close();
  });

  it("refuses what waits when it is closed", async () => {
    const closed = new Solver(async () => []);
    const asked = [closed.solve(body(), stays), closed.solve(body(), stays)];
    await Promise.all([
      ...asked.map((one) => expect(one).rejects.toThrow("The gateway stops.")),
      closed.close(),
    ]);
  });
});

function mapOf(file: Uint8Array): string {
  const { physical_to_logical_map: map } = JSON.parse(new TextDecoder().decode(file)) as Record<
    string,
    unknown
  >;
  return JSON.stringify(map);
}
