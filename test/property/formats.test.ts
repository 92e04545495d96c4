import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readExpertLoads, writeLoadHistory, writeLogicalCount } from "../../src/formats/expert-load.ts";
import { readNpy, writeNpyInt32 } from "../../src/formats/npy.ts";
import { readPlacementFile, writePlacementFile } from "../../src/formats/placement-file.ts";
import { readRoutingTrace } from "../../src/formats/routing-trace.ts";
import { readTrace } from "../../src/formats/trace.ts";
import { contiguousPlacement } from "../../src/core/placement/contiguous.ts";
import { evenShares } from "../../src/core/shares/even-shares.ts";
import { InputError } from "../../src/lib/errors.ts";
import { indexReplicas } from "../../src/model/placement.ts";

const PARAMETERS = { seed: 20_262, numRuns: 200 };
const encode = (text: string) => new TextEncoder().encode(text);

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
      fc.property(loads, (windows) => {
        expect(readExpertLoads(encode(writeLoadHistory(windows)), "f")).toEqual(windows);
        expect(readExpertLoads(encode(writeLogicalCount(windows[0])), "f")).toEqual([windows[0]]);
      }),
      PARAMETERS,
    );
  });

  it("as placement", () => {
    fc.assert(
      fc.property(placements, (file) => {
        expect(readPlacementFile(encode(writePlacementFile(file)), "f")).toEqual(file);
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

describe("whatever the bytes", () => {
  const mark = encode("\u0000NUMPY\u0001\u0000").with(0, 0x93);
  const starts = [
    [],
    [...mark],
    [...encode("TIMESTAMP,ContextTokens,GeneratedTokens\n")],
    [...encode('{"timestamp":')],
  ];
  const bytes = fc
    .tuple(fc.constantFrom(...starts), fc.uint8Array({ maxLength: 200 }))
    .map(([start, rest]) => Uint8Array.from([...start, ...rest]));

  it("a reader takes them or names what is wrong, in one line", () => {
    fc.assert(
      fc.property(bytes, (file) => {
        for (const read of [readNpy, readRoutingTrace, readTrace, readExpertLoads, readPlacementFile]) {
          takes(() => read(file, "f"));
        }
      }),
      { ...PARAMETERS, numRuns: 1000 },
    );
  });
});
