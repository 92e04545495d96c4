import { readFile } from "node:fs/promises";
import { afterEach, expect, test, vi } from "vitest";
import { scratchFolder } from "../../harness/scratch-folder.ts";
import { solveBody } from "../../src/control/solve/solve-request.ts";
import { Rng } from "../../src/lib/rng.ts";
import { type PlaceOptions, InputError, place, planDispatch, solveShares } from "../../src/library/index.ts";
import type { Placement } from "../../src/model/placement.ts";
import { pageExamples } from "../page-examples.ts";
import { randomLoad, randomPlacement } from "../random-placement.ts";

const LIBRARY = new URL("../../src/library/index.ts", import.meta.url).href;
const topology = { nodes: 2, gpusPerNode: 2, slotsPerGpu: 6 };
const [LAYERS, EXPERTS, SLOTS, GPUS] = [3, 16, 24, 4];
const load = randomLoad(new Rng(7), LAYERS, EXPERTS, 2);
const placed = place({ load, topology });

const rowsOf = (values: Float64Array, width: number) =>
  Array.from({ length: values.length / width }, (_, row) => [
    ...values.subarray(row * width, (row + 1) * width),
  ]);

/** The fullest GPU of every layer. */
function fullest(
  placement: Placement,
  shares: Float64Array,
  tokens: Float64Array,
  weights = [1, 1, 1, 1],
): number[] {
  return Array.from({ length: LAYERS }, (_, layer) => {
    const loads = new Float64Array(GPUS);
    for (let slot = 0; slot < SLOTS; slot++) {
      const expert = placement.physicalToLogical[layer * SLOTS + slot];
      const gpu = Math.floor(slot / topology.slotsPerGpu);
      loads[gpu] += weights[gpu] * shares[layer * SLOTS + slot] * tokens[layer * EXPERTS + expert];
    }
    return Math.max(...loads);
  });
}

afterEach(() => vi.restoreAllMocks());

test("every example of its page prints what the page says", async () => {
  const page = await readFile(new URL("../../docs/library.md", import.meta.url), "utf8");
  await using folder = await scratchFolder();
  let said = "";
  vi.spyOn(console, "log").mockImplementation((line: string) => {
    said += `${line}\n`;
  });
  const examples = pageExamples(page);
  expect(examples.length).toBe(page.split("```ts\n").length - 1);
  for (const [i, { code, printed }] of examples.entries()) {
    said = "";
    await import(await folder.write(`example-${i}.ts`, code.replace('"plimsoll"', JSON.stringify(LIBRARY))));
    expect(said).toBe(printed);
  }
});

test("places as the gateway solves it, from scratch and by few moves, from rows or one array", () => {
  const next = randomLoad(new Rng(8), LAYERS, EXPERTS, 2);
  const rows = rowsOf(next.tokens, EXPERTS);
  const body = {
    load: rows,
    topology,
    previous: rowsOf(Float64Array.from(placed.placement.physicalToLogical), SLOTS),
    maxMoves: 9,
  };
  const solved = JSON.parse(solveBody(Buffer.from(JSON.stringify(body)), []));
  for (const given of [next, rows]) {
    const { placement, shares, certificate, moves } = place({
      load: given,
      topology,
      previous: placed.placement,
      maxMoves: 9,
    });
    expect(rowsOf(Float64Array.from(placement.physicalToLogical), SLOTS)).toEqual(
      solved.physical_to_logical_map,
    );
    expect(rowsOf(shares, SLOTS)).toEqual(solved.shares);
    expect(certificate.balancedness).toBe(solved.certificate.balancedness);
    expect(moves.slots).toBe(solved.moves.slots);
  }
  expect(placed.moves.slots).toBe(0);
  expect(Math.max(...placed.placement.physicalToLogical)).toBe(EXPERTS - 1);
});

test("the shares of a placement reach the maxima that are said of them, which no even split is below", () => {
  const placement = randomPlacement(new Rng(9), LAYERS, EXPERTS, topology);
  const { shares, maxima, prices } = solveShares({ placement, load });
  const reached = fullest(placement, shares, load.tokens);
  for (const [layer, most] of reached.entries()) expect(most).toBeCloseTo(maxima[layer], 6);
  expect(prices.length).toBe(LAYERS * GPUS);
  const replicas = placement.physicalToLogical.map(
    (expert, i) =>
      placement.physicalToLogical
        .subarray(Math.floor(i / SLOTS) * SLOTS, (Math.floor(i / SLOTS) + 1) * SLOTS)
        .filter((other) => other === expert).length,
  );
  const even = Float64Array.from(replicas, (count) => 1 / count);
  for (const [layer, most] of fullest(placement, even, load.tokens).entries())
    expect(most).toBeGreaterThanOrEqual(maxima[layer] - 1e-9);
  // A GPU at half the speed is as full with half the tokens.
  const slow = solveShares({ placement, load, gpuSpeeds: [0.5, 1, 1, 1] });
  const doubled = fullest(placement, slow.shares, load.tokens, [2, 1, 1, 1]);
  for (const [layer, most] of doubled.entries()) expect(most).toBeCloseTo(slow.maxima[layer], 6);
  expect(slow.maxima[0]).toBeGreaterThan(maxima[0] * 1.01);
  const stayed = solveShares({ placement, load, last: slow.shares });
  for (const [layer, most] of stayed.maxima.entries()) expect(most).toBeCloseTo(maxima[layer], 6);
  const apart = (other: Float64Array) =>
    other.reduce((sum, share, i) => sum + Math.abs(share - slow.shares[i]), 0);
  expect(apart(stayed.shares)).toBeLessThan(apart(shares));
});

test("every selection goes to a slot that holds its expert, and the figures are of these slots", () => {
  const rng = new Rng(10);
  const [tokens, topk] = [40, 3];
  const routing = Array.from({ length: tokens }, () =>
    Array.from({ length: LAYERS }, () =>
      Array.from({ length: topk }, (_, k) => (k === 2 ? -1 : rng.below(8) + 8 * k)),
    ),
  );
  const { placement, shares } = placed;
  const { slots, overall, layers } = planDispatch({ placement, shares, routing, batchTokens: 16 });
  for (const [i, expert] of routing.flat(2).entries()) {
    const layer = Math.floor(i / topk) % LAYERS;
    if (expert < 0) expect(slots[i]).toBe(-1);
    else expect(placement.physicalToLogical[layer * SLOTS + slots[i]]).toBe(expert);
  }
  expect(overall.selections).toBe(tokens * LAYERS * 2);
  expect(layers.map(({ selections }) => selections)).toEqual([80, 80, 80]);
  // Token t of a batch of 16 starts from GPU ⌊t / 4⌋; of the last 8 from ⌊t / 2⌋.
  let hops = 0;
  for (let token = 0; token < tokens; token++)
    for (let layer = 0; layer < LAYERS; layer++) {
      const source = Math.floor((token % 16) / (token < 32 ? 4 : 2));
      const at = (token * LAYERS + layer) * topk;
      const gpus = new Set([...slots.subarray(at, at + 2)].map((slot) => Math.floor(slot / 6)));
      hops += gpus.size - (gpus.has(source) ? 1 : 0);
    }
  expect(overall.hopsPerToken).toBeCloseTo(hops / (tokens * LAYERS), 12);
  const flat = { tokens, layers: LAYERS, topk, experts: Int16Array.from(routing.flat(2)) };
  expect(planDispatch({ placement, shares, routing: flat, batchTokens: 16 }).slots).toEqual(slots);
});

test("what it returns can be changed without anything else changing", () => {
  const before = load.tokens.slice();
  const first = place({ load, topology });
  first.placement.physicalToLogical.fill(0);
  first.shares.fill(0);
  expect(load.tokens).toEqual(before);
  expect(place({ load, topology })).toEqual(placed);
});

test("bad input is one line that names the function and the field", () => {
  const { placement, shares } = placed;
  const routing = [[[0], [1], [2]]];
  const loose = (options: object) => options as PlaceOptions;
  const holed = { ...placement, physicalToLogical: placement.physicalToLogical.with(0, 99) };
  const faults: readonly (readonly [() => unknown, string])[] = [
    [() => place(loose({})), "place: load is missing; expected an array or an object"],
    [() => place(loose({ load, topology, moves: 3 })), "place: moves is unknown; expected load, topology,"],
    [() => place({ load: [], topology }), "place: load is empty; expected [layers][experts]"],
    [() => place({ load: [[1, 2], [1]], topology }), "place: load[1] has 1 entries; expected 2"],
    [() => place({ load: [[1, -2]], topology }), "place: load[0][1] is -2; expected a number ≥ 0"],
    [() => place({ load: [[1, Number.NaN]], topology }), "place: load[0][1] is NaN; expected a number ≥ 0"],
    [() => place({ load: [[0, 0]], topology }), "place: load: has no token in any layer"],
    [
      () => place({ load, topology: { ...topology, nodes: 1.5 } }),
      "place: topology.nodes is 1.5; expected an integer ≥ 1",
    ],
    [
      () => place({ load, topology: { ...topology, slotsPerGpu: 3 } }),
      "place: topology.slotsPerGpu is 3: 12 slots cannot hold 16 experts; give at least 4",
    ],
    [() => place({ load, topology, groups: 3 }), "place: groups is 3; expected a divisor of"],
    [() => place(loose({ load, topology, dispatch: "odd" })), 'place: dispatch is "odd"; expected one of'],
    [() => place({ load, topology, maxMoves: 1 }), "place: maxMoves counts from a placement in force"],
    [() => place({ load, topology, gpuSlots: [6] }), "place: gpuSlots has 1 entries; expected one for each"],
    [() => place({ load, topology, outOfService: [4] }), "place: outOfService names GPU 4; expected 0..3"],
    [
      () => place({ load, topology, previous: holed }),
      "place: previous layer 0 slot 0 holds expert 99; expected 0..15",
    ],
    [
      () => solveShares({ placement, load: [[1]] }),
      "solveShares: load has 1 layers of 1 experts; expected the placement's 3 of 16",
    ],
    [
      () => solveShares({ placement, load, gpuSpeeds: [1, 0, 1, 1] }),
      "solveShares: gpuSpeeds[1] is 0; expected a number > 0",
    ],
    [
      () => solveShares({ placement, load, last: shares.map((share) => share / 2) }),
      "solveShares: last of layer 0 expert 0 sum to 0.5; expected 1",
    ],
    [
      () => planDispatch({ placement, routing: [[[16], [0], [0]]] }),
      "planDispatch: routing[0] has expert 16; expected 0..15, or −1 for none",
    ],
    [() => planDispatch({ placement, routing: [[[0]]] }), "planDispatch: routing has 1 layers; expected"],
    [
      () => planDispatch({ placement, routing, sources: [4] }),
      "planDispatch: sources[0] is 4; expected an integer from 0 to 3",
    ],
    [
      () => planDispatch({ placement, routing, sources: [] }),
      "planDispatch: sources has 0 entries; expected 1",
    ],
  ];
  for (const [call, message] of faults) {
    expect(call).toThrow(InputError);
    expect(call).toThrow(message);
  }
});
