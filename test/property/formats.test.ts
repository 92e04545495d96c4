import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readExpertLoads, writeLoadHistory, writeLogicalCount } from "../../src/formats/expert-load.ts";
import type { Matrix } from "../../src/formats/json.ts";
import { readNpy, writeNpyInt32 } from "../../src/formats/npy.ts";
import {
  type PlacementFile,
  readPlacementFile,
  writePlacementFile,
} from "../../src/formats/placement-file.ts";
import { readSafetensors } from "../../src/formats/safetensors.ts";
import { readSglangMap, writeSglangMap } from "../../src/formats/sglang-placement.ts";
import { readSglangRecorder } from "../../src/formats/sglang-recorder.ts";
import { readTensorrtLlmMap, writeTensorrtLlmMap } from "../../src/formats/tensorrt-llm-placement.ts";
import { readVllmAscendMap, writeVllmAscendMap } from "../../src/formats/vllm-ascend-placement.ts";
import { readPickle } from "../../src/formats/pickle.ts";
import { readRoutingTrace } from "../../src/formats/routing-trace.ts";
import { readTrace } from "../../src/formats/trace.ts";
import { contiguousPlacement } from "../../src/core/placement/contiguous.ts";
import { evenShares } from "../../src/core/shares/even-shares.ts";
import { InputError } from "../../src/lib/errors.ts";
import type { LayerNumbers } from "../../src/model/layer-numbers.ts";
import { indexReplicas } from "../../src/model/placement.ts";
import { gpuCount, slotCount } from "../../src/model/topology.ts";
import { runs } from "../runs.ts";

const PARAMETERS = { seed: 20_262, numRuns: runs(80) };
const encode = (text: string) => new TextEncoder().encode(text);

/** So many ascending numbers, the gaps between them drawn. */
function layersFrom(steps: IterableIterator<number>, count: number): LayerNumbers {
  let layer = -1;
  return Array.from({ length: count }, () => (layer += steps.next().value as number));
}

/** Whether a reader takes the bytes or refuses them as bad input; any other error is a fault. */
function takes(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    expect((error as InputError).message).not.toContain("\n");
    return false;
  }
}

const loads = fc
  .record({
    windows: fc.integer({ min: 1, max: 3 }),
    layers: fc.integer({ min: 1, max: 4 }),
    experts: fc.integer({ min: 1, max: 8 }),
  })
  .chain(({ windows, layers, experts }) => {
    const amount = fc.double({ min: 0, max: Number.MAX_SAFE_INTEGER, noNaN: true }).map((value) => value + 0);
    const tokens = fc.array(amount, { minLength: layers * experts, maxLength: layers * experts });
    const load = tokens.map((values) => ({ layers, experts, tokens: Float64Array.from(values) }));
    return fc.array(load, { minLength: windows, maxLength: windows });
  });

const placements = fc
  .record({
    layers: fc.integer({ min: 1, max: 3 }),
    nodes: fc.integer({ min: 1, max: 3 }),
    gpusPerNode: fc.integer({ min: 1, max: 3 }),
    slotsPerGpu: fc.integer({ min: 1, max: 3 }),
  })
  .chain(({ layers, ...topology }) => {
    const slots = topology.nodes * topology.gpusPerNode * topology.slotsPerGpu;
    return fc
      .integer({ min: 1, max: slots })
      .map((experts) => contiguousPlacement(layers, experts, topology));
  })
  .map((placement) => ({
    modelName: null,
    placement,
    layers: null,
    shares: evenShares(placement, indexReplicas(placement)).values,
    moves: { slots: 0, bytes: null },
    certificate: null,
    elapsedMs: 0,
  }));

const arrays = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }).chain((shape) => {
  const size = shape.reduce((product, length) => product * length, 1);
  const values = fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), {
    minLength: size,
    maxLength: size,
  });
  return values.map((numbers) => ({ shape, values: Int32Array.from(numbers) }));
});

describe("what is written is read again", () => {
  it("as .npy", () => {
    fc.assert(
      fc.property(arrays, ({ shape, values }) => {
        const file = writeNpyInt32(shape, values);
        expect(readNpy(file, "f")).toEqual({ dtype: "<i4", shape, values });
        expect((file.length - 4 * values.length) % 64).toBe(0);
      }),
      PARAMETERS,
    );
  });

  it("as expert load", () => {
    fc.assert(
      fc.property(loads, fc.infiniteStream(fc.integer({ min: 1, max: 5 })), (windows, steps) => {
        expect(readExpertLoads(encode(writeLoadHistory(windows)), "f")).toEqual({ windows, layers: null });
        const [load] = windows;
        const layers = layersFrom(steps, load.layers);
        const all = layers[layers.length - 1] + 2;
        expect(readExpertLoads(encode(writeLoadHistory(windows, layers)), "f")).toEqual({ windows, layers });
        const count = writeLogicalCount(load, layers, all);
        expect(readExpertLoads(encode(count), "f")).toEqual({ windows: [load], layers });
      }),
      PARAMETERS,
    );
  });

  it("as placement", () => {
    fc.assert(
      fc.property(placements, fc.infiniteStream(fc.integer({ min: 1, max: 5 })), (file, steps) => {
        expect(readPlacementFile(encode(writePlacementFile(file)), "f")).toEqual(file);
        const numbered = { ...file, layers: layersFrom(steps, file.placement.layers) };
        expect(readPlacementFile(encode(writePlacementFile(numbered)), "f")).toEqual(numbered);
      }),
      PARAMETERS,
    );
  });
});

interface Through {
  readonly map: Matrix;
  readonly gpus?: number;
  readonly layers?: LayerNumbers;
}

describe("a placement is what it was after a way through an engine's file", () => {
  it.each<[string, (file: PlacementFile, layers: LayerNumbers) => Through]>([
    [
      "SGLang's",
      ({ placement }, layers) => {
        const all = (layers.at(-1) as number) + 1;
        const { columns, values } = readSglangMap(encode(writeSglangMap(placement, layers, all)), "f");
        const rows = layers.map((layer) => values.subarray(layer * columns, (layer + 1) * columns));
        const kept = Float64Array.from(rows.flatMap((row) => [...row]));
        return { map: { rows: layers.length, columns, values: kept } };
      },
    ],
    [
      "TensorRT-LLM's",
      ({ placement }, layers) => readTensorrtLlmMap(encode(writeTensorrtLlmMap(placement, layers)), "f"),
    ],
    ["vllm-ascend's", ({ placement }) => readVllmAscendMap(encode(writeVllmAscendMap(placement)), "f")],
  ])("%s", (_, through) => {
    fc.assert(
      fc.property(placements, fc.infiniteStream(fc.integer({ min: 1, max: 5 })), (file, steps) => {
        const { layers, topology, physicalToLogical } = file.placement;
        const numbers = layersFrom(steps, layers);
        const { map, gpus, layers: read } = through(file, numbers);
        expect(read ?? numbers).toEqual(numbers);
        expect(map).toEqual({
          rows: layers,
          columns: slotCount(topology),
          values: Float64Array.from(physicalToLogical as Int32Array),
        });
        expect(gpus ?? gpuCount(topology)).toBe(gpuCount(topology));
      }),
      PARAMETERS,
    );
  });
});

describe("a file that is cut off is refused", () => {
  const cut = (bytes: Uint8Array, part: number) => bytes.subarray(0, Math.floor(bytes.length * part));
  const part = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

  it(".npy", () => {
    fc.assert(
      fc.property(
        arrays,
        part,
        ({ shape, values }, kept) => !takes(() => readNpy(cut(writeNpyInt32(shape, values), kept), "f")),
      ),
      PARAMETERS,
    );
  });

  it("expert load and placement", () => {
    fc.assert(
      fc.property(loads, placements, part, (windows, file, kept) => {
        // The final line feed may go.
        const load = encode(writeLoadHistory(windows).trimEnd());
        const placement = encode(writePlacementFile(file).trimEnd());
        return (
          !takes(() => readExpertLoads(cut(load, kept), "f")) &&
          !takes(() => readPlacementFile(cut(placement, kept), "f"))
        );
      }),
      PARAMETERS,
    );
  });
});

const READERS = [
  readNpy,
  readRoutingTrace,
  readTrace,
  readExpertLoads,
  readPlacementFile,
  readSafetensors,
  readSglangMap,
  readSglangRecorder,
  readTensorrtLlmMap,
  readVllmAscendMap,
];

describe("whatever the bytes", () => {
  const mark = encode("\u0000NUMPY\u0001\u0000").with(0, 0x93);
  const starts = [
    [],
    [...mark],
    [...encode("TIMESTAMP,ContextTokens,GeneratedTokens\n")],
    [...encode('{"timestamp":')],
    [...encode("PK\u0003\u0004")],
    [2, 0, 0, 0, 0, 0, 0, 0, ...encode("{}")],
    [...encode("num_slots: 1\ninitial_global_assignments:\n  3: ")],
  ];
  const bytes = fc
    .tuple(fc.constantFrom(...starts), fc.uint8Array({ maxLength: 200 }))
    .map(([start, rest]) => Uint8Array.from([...start, ...rest]));

  it("a reader takes them or names what is wrong, in one line", () => {
    fc.assert(
      fc.property(bytes, (file) => {
        for (const read of READERS) {
          takes(() => read(file, "f"));
        }
      }),
      { ...PARAMETERS, numRuns: runs(400) },
    );
  });

  it("a pickle calls nothing but its host", () => {
    const host = { globals: new Set(["a.b"]), call: () => null, load: () => null };
    const opcodes = fc.constantFrom(
      ...encode("()].GKMNQRX]acehqstu}"),
      0x80,
      0x85,
      0x86,
      0x87,
      0x88,
      0x89,
      0x8a,
    );
    const step = fc.oneof(
      opcodes.map((opcode) => [opcode]),
      fc.constant([...encode("ca\nb\n")]),
      fc.constant([0x4b, 7]),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        takes(() => readPickle(Uint8Array.from([...steps.flat(), 0x2e]), host, "f", "p"));
      }),
      { ...PARAMETERS, numRuns: runs(1200) },
    );
  });
});
