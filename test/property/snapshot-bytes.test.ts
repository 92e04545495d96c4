import fc from "fast-check";
import { expect, test } from "vitest";
import { indexReplicas } from "../../src/model/placement.ts";
import type { RoutingSnapshot } from "../../src/model/snapshot.ts";
import { decodeSnapshot, encodeSnapshot } from "../../src/model/snapshot-bytes.ts";

const LAYERS = 2;
const EXPERTS = 3;
const topology = { nodes: 1, gpusPerNode: 2, slotsPerGpu: 2 };
const doubles = (length: number) =>
  fc
    .array(fc.double({ noNaN: true }), { minLength: length, maxLength: length })
    .map((values) => Float64Array.from(values));

const snapshot: fc.Arbitrary<RoutingSnapshot> = fc
  .record({
    pool: fc.string(),
    model: fc.string({ unit: "grapheme" }),
    epoch: fc.nat(),
    reason: fc.string({ unit: "binary" }),
    slots: fc.array(fc.integer({ min: -1, max: EXPERTS - 1 }), { minLength: 8, maxLength: 8 }),
    values: doubles(8),
    prices: doubles(4),
    missing: fc.array(fc.record({ layer: fc.nat(1), experts: fc.array(fc.nat(2)) })),
  })
  .map(({ slots, values, prices, reason, ...rest }) => {
    const physicalToLogical = Int32Array.from(slots);
    const placement = { layers: LAYERS, experts: EXPERTS, topology, physicalToLogical };
    const change = { kind: "shares" as const, reason, atMs: 1, movedSlots: 2, movedBytes: 3 };
    return { ...rest, change, placement, replicas: indexReplicas(placement), shares: { values, prices } };
  });

test("a snapshot is read as it was written, wherever its bytes lie", () => {
  fc.assert(
    fc.property(snapshot, fc.nat(9), (written, offset) => {
      const bytes = encodeSnapshot(written);
      const elsewhere = new Uint8Array(bytes.length + offset);
      elsewhere.set(bytes, offset);
      expect(decodeSnapshot(elsewhere.subarray(offset))).toEqual(written);
      expect(decodeSnapshot(Buffer.from(elsewhere).subarray(offset))).toEqual(written);
    }),
    { seed: 1, numRuns: 200 },
  );
});

test("bytes that are cut short, too long or foreign are refused", () => {
  fc.assert(
    fc.property(snapshot, (written) => {
      const bytes = encodeSnapshot(written);
      expect(() => decodeSnapshot(bytes.subarray(0, bytes.length - 1))).toThrow(RangeError);
      expect(() => decodeSnapshot(Uint8Array.of(...bytes, 0))).toThrow(RangeError);
      expect(() => decodeSnapshot(Uint8Array.of(9, ...bytes.subarray(1)))).toThrow(
        "no snapshot of this version",
      );
      expect(() => decodeSnapshot(new Uint8Array(3))).toThrow(RangeError);
    }),
    { seed: 2, numRuns: 20 },
  );
});
