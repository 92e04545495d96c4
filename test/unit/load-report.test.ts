import { expect, test } from "vitest";
import { parseBinaryLoad, parseLoadReport } from "../../src/control/ingest/load-report.ts";
import { binaryLoad } from "../../harness/binary-load.ts";

const shape = { layers: 2, experts: 3, gpus: 4 };
const counts = [
  [1, 2, 3],
  [4, 5, 6.5],
];

test("reads a rank's report, and a whole pool's", () => {
  const body = { rank: 3, window: 7, incarnation: 2, windowMs: 500, logical_count: counts };
  expect(parseLoadReport(body, shape)).toEqual({
    rank: 3,
    window: 7,
    incarnation: 2,
    windowMs: 500,
    counted: "source",
    counts: Float64Array.of(1, 2, 3, 4, 5, 6.5),
    engine: null,
  });
  expect(parseLoadReport({ windowMs: 500, logical_count: counts }, shape)).toMatchObject({
    window: null,
    incarnation: null,
  });
  expect(parseLoadReport({ windowMs: 500, logical_count: counts }, shape).rank).toBeNull();
});

test("says what it counts: what was routed, unless it says that it was received", () => {
  const json = (said: object) =>
    parseLoadReport({ rank: 3, windowMs: 500, logical_count: counts, ...said }, shape).counted;
  expect([json({}), json({ counts: "source" }), json({ counts: "received" })]).toEqual([
    "source",
    "source",
    "received",
  ]);
  const bytes = (counted: "source" | "received") =>
    parseBinaryLoad(binaryLoad({ ...report, counted }, 2, 3), shape).counted;
  expect([bytes("source"), bytes("received")]).toEqual(["source", "received"]);
});

test("`run` is the earlier name of the incarnation; 0 says none", () => {
  const read = (said: object) =>
    parseLoadReport({ rank: 3, windowMs: 500, logical_count: counts, ...said }, shape).incarnation;
  expect([read({ run: 2 }), read({ run: 0 }), read({ incarnation: 5, run: 2 })]).toEqual([2, null, 5]);
  expect([read({ incarnation: null }), read({ incarnation: 0 })]).toEqual([null, null]);
  const bytes = binaryLoad({ ...report, incarnation: null }, 2, 3);
  expect(parseBinaryLoad(bytes, shape).incarnation).toBeNull();
});

test.each([
  [{ logical_count: counts }, "body: windowMs is missing; expected milliseconds > 0"],
  [{ windowMs: 0, logical_count: counts }, "windowMs is 0;"],
  [
    { windowMs: 1e9, logical_count: counts },
    "windowMs is 1000000000; expected milliseconds > 0, at most 3600000",
  ],
  [{ windowMs: 1, window: -1, logical_count: counts }, "window is -1; expected a whole number ≥ 0"],
  [{ windowMs: 1, window: 0, run: 0.5, logical_count: counts }, "run is 0.5; expected a whole number ≥ 0"],
  [
    { windowMs: 1, incarnation: "7", logical_count: counts },
    'incarnation is "7"; expected a whole number ≥ 0',
  ],
  [{ windowMs: 1 }, "logical_count is missing; expected 2 layers"],
  [{ windowMs: 1, logical_count: [[1, 2, 3]] }, "logical_count is a list of 1; expected 2 layers"],
  [{ windowMs: 1, logical_count: [[1, 2, 3], 4] }, "logical_count[1] is 4; expected 3 experts"],
  [
    {
      windowMs: 1,
      logical_count: [
        [1, 2, 3],
        [1, -2, 3],
      ],
    },
    "logical_count[1][1] is -2; expected a number ≥ 0",
  ],
  [
    {
      windowMs: 1,
      logical_count: [
        [1, 2, 3],
        [1, "2", 3],
      ],
    },
    'logical_count[1][1] is "2";',
  ],
  [{ windowMs: 1, rank: 4, logical_count: counts }, "rank is 4; expected a rank in 0..3"],
  [{ windowMs: 1, rank: null, logical_count: counts }, "rank is null;"],
  [
    { windowMs: 1, rank: 0, counts: "sent", logical_count: counts },
    'counts is "sent"; expected "source" or "received"',
  ],
  [
    { windowMs: 1, counts: "received", logical_count: counts },
    'rank is missing; received tokens are counted by rank, and a report of the whole pool has no "counts"',
  ],
])("%j is refused", (body, message) => {
  expect(() => parseLoadReport(body, shape)).toThrow(message);
});

const report = {
  rank: 3,
  window: 7,
  incarnation: 2,
  windowMs: 500,
  counted: "source",
  counts: Uint32Array.of(1, 2, 3, 4, 5, 6),
} as const;

test("reads a report in bytes, wherever they lie", () => {
  for (const offset of [0, 1, 2, 4]) {
    const bytes = new Uint8Array(offset + 72);
    bytes.set(binaryLoad(report, 2, 3), offset);
    const read = { ...report, engine: null };
    expect(parseBinaryLoad(bytes.subarray(offset), shape)).toEqual(read);
    expect(parseBinaryLoad(Buffer.from(bytes).subarray(offset), shape)).toEqual(read);
  }
  expect(parseBinaryLoad(binaryLoad({ ...report, rank: -1 }, 2, 3), shape).rank).toBeNull();
});

function withFlags(flags: number, rank = 3): Uint8Array {
  const bytes = binaryLoad({ ...report, rank }, 2, 3);
  new DataView(bytes.buffer).setUint16(6, flags, true);
  return bytes;
}

test.each([
  [withFlags(2), "body: flags is 2; expected 0, or 1 for received tokens"],
  [withFlags(0x8001), "body: flags is 32769; expected 0, or 1"],
  [withFlags(1, -1), "body: rank is missing; received tokens are counted by rank"],
  [new Uint8Array(0), "body: is no load report; expected 48 bytes that begin with EPLD, then counts"],
  [new Uint8Array(72), "body: is no load report"],
  [binaryLoad(report, 2, 3).subarray(0, 71), "body: has 71 bytes; expected 72 for 2 × 3 counts"],
  [Buffer.concat([binaryLoad(report, 2, 3), Buffer.of(0)]), "has 73 bytes"],
  [binaryLoad(report, 3, 2), "layers is 3; expected 2"],
  [binaryLoad({ ...report, rank: 4 }, 2, 3), "rank is 4; expected a rank in 0..3"],
  [binaryLoad({ ...report, windowMs: Number.NaN }, 2, 3), "windowMs is NaN; expected milliseconds > 0"],
  [
    binaryLoad({ ...report, incarnation: 2 ** 53 }, 2, 3),
    "incarnation is 9007199254740992; expected a whole number ≥ 0",
  ],
  [Buffer.from("EPLD").fill(0, 4), "body: is no load report"],
])("bytes %# are refused", (bytes, message) => {
  expect(() => parseBinaryLoad(bytes, shape)).toThrow(message);
});
