import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Unreadable } from "../../src/lib/shape.ts";
import {
  STORED_KINDS,
  type StoredKind,
  headOfKind,
  withFields,
  writtenBefore,
} from "../../harness/stored-kinds.ts";
import { runs } from "../runs.ts";

const RUNS = 100;

/** Reads it or refuses it; what it gives can be written and read again. @returns whether it was read */
function survives({ encode, decode }: StoredKind, bytes: Uint8Array): boolean {
  let value: unknown;
  try {
    value = decode(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(Unreadable);
    return false;
  }
  expect(decode(encode(value as never))).toEqual(value);
  return true;
}

describe.each(STORED_KINDS)("$name", (kind) => {
  const { value, encode, decode, before, head, behind } = kind;

  test("is read as it was written, wherever its bytes lie", () => {
    fc.assert(
      fc.property(value, fc.nat(9), (one, offset) => {
        const bytes = encode(one as never);
        const elsewhere = new Uint8Array(bytes.length + offset);
        elsewhere.set(bytes, offset);
        expect(decode(elsewhere.subarray(offset))).toEqual(one);
        const read = decode(Buffer.from(elsewhere).subarray(offset));
        elsewhere.fill(0);
        expect(read).toEqual(one);
      }),
      { seed: 1, numRuns: runs(RUNS) },
    );
  });

  test("is read as the version before wrote it, and written with all that it reads", () => {
    const read = decode(before);
    const again = encode(read as never);
    expect(decode(again)).toEqual(read);
    expect(headOfKind(kind, again)).toMatchObject(headOfKind(kind, before));
    const tail = (bytes: Uint8Array) => [...bytes.subarray(bytes.length - behind)];
    expect(tail(again)).toEqual(tail(before));
  });

  test("cut short at any place, or with any bit turned, is refused or read", () => {
    for (let length = 0; length < before.length; length++)
      expect([length, survives(kind, before.subarray(0, length))]).toEqual([length, false]);
    let refused = 0;
    for (let bit = 0; bit < 8 * before.length; bit++) {
      const turned = Uint8Array.from(before);
      turned[bit >> 3] ^= 1 << (bit & 7);
      if (!survives(kind, turned)) refused++;
    }
    expect(refused).toBeGreaterThan(0);
  });

  test("any bytes, and any JSON, are refused or read", () => {
    const json = fc.json().map((text) => new TextEncoder().encode(text));
    const framed = fc.oneof(
      fc.jsonValue(),
      fc.record({ kind: fc.constantFrom("load", "ack", "rank", "order"), order: fc.jsonValue() }),
    );
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      json,
      fc
        .dictionary(fc.constantFrom(...Object.keys(headOfKind(kind, before)), "v"), framed)
        .map((fields) => withFields(kind, before, fields)),
    );
    fc.assert(
      fc.property(bytes, (some) => void survives(kind, some)),
      { seed: 2, numRuns: runs(3 * RUNS) },
    );
  });

  test("what a later version adds is left out; another major version is refused", () => {
    if (head === null) {
      // Layers of 0, or tokens below 0, are left to it.
      for (const mark of [new Uint8Array(8), new Uint8Array(new Float64Array([-1]).buffer)]) {
        const later = Uint8Array.from(before);
        later.set(mark);
        const refused = !survives(kind, later);
        expect(refused).toBe(kind.name === "a learned load" || mark[7] !== 0);
      }
      return;
    }
    const later = { v: 1, invented: { by: ["later"] }, "": 1 };
    expect(decode(withFields(kind, before, later))).toEqual(decode(before));
    expect(() => decode(withFields(kind, before, { v: 2 }))).toThrow("of another version than 1");
    expect(() => decode(withFields(kind, before, { v: "1" }))).toThrow(Unreadable);
  });
});

test("kinds of messages and orders that are not known are refused, other words for the known have a meaning", () => {
  const [, load, , rank, order, , state] = STORED_KINDS;
  for (const more of [{ kind: "invented" }, { kind: "__proto__" }, { kind: 7 }])
    expect(() => load.decode(withFields(load, load.before, more))).toThrow(Unreadable);
  for (const more of [{ order: { kind: "invented" } }, { order: { kind: "drain", rank: 2 } }])
    expect(() => order.decode(withFields(order, order.before, more))).toThrow(Unreadable);
  expect(() => rank.decode(withFields(rank, rank.before, { rank: 2 }))).toThrow("a rank that there is not");
  const lost = withFields(state, state.before, { lost: [{ rank: 1, how: "drowned" }] });
  expect(state.decode(lost)).toMatchObject({ lost: [{ rank: 1, how: "reported" }] });
});

test("a zero below zero is zero, and a number without bounds is refused, as JSON would not keep them", () => {
  const [, , , , , , state, , , report] = STORED_KINDS;
  const inJson = (kind: StoredKind, from: string, to: string) => {
    const text = new TextDecoder().decode(kind.before);
    expect(text).toContain(from);
    return kind.decode(new TextEncoder().encode(text.replace(from, to)));
  };
  expect(inJson(state, '"drained":[0]', '"drained":[-0]')).toEqual(state.decode(state.before));
  expect(inJson(report, '{"gain":0.1}', '[-0,{"gain":-0}]')).toMatchObject({ explanation: [0, { gain: 0 }] });
  expect(() => inJson(report, '{"gain":0.1}', '{"gain":1e999}')).toThrow(Unreadable);
});

test("what the version before wrote means what it meant", () => {
  const read = (name: string, kind: number) => STORED_KINDS[kind].decode(writtenBefore(name));
  expect(read("load", 1)).toEqual({
    kind: "load",
    from: "one",
    sampled: false,
    reported: [{ rank: 1, windowMs: 10, incarnation: null, counted: "source" }],
    spanMs: 20,
    tokens: Float32Array.of(1, 2.5, 0, 3, 4, 5),
    received: [],
    engines: [],
    sent: [],
  });
  expect(read("operatorState", 6)).toEqual({
    paused: true,
    drained: [0],
    lost: [
      { rank: 1, how: "reported" },
      { rank: 0, how: "silent" },
    ],
    incarnations: [],
  });
  expect(read("rank", 3)).toEqual({ kind: "rank", rank: 1, state: "lost", incarnation: null });
});

/** What this version writes of a pool whose rank 1 has received something. */
const RECEIVED = {
  v: 1,
  kind: "load",
  from: "one",
  sampled: false,
  heard: [{ rank: 1, windowMs: 10, incarnation: 7, counted: "received" }],
  spanMs: 0,
  received: [{ rank: 1, windowMs: 10, cells: "AQAAAAUAAAA=", tokens: "AACAPwAAIEA=" }],
  engines: [],
  sent: [],
};

test("what was received means the same to later versions, and nothing but a sign of life to earlier ones", () => {
  const [, load] = STORED_KINDS;
  const value = {
    kind: "load",
    from: "one",
    sampled: false,
    reported: [{ rank: 1, windowMs: 10, incarnation: 7, counted: "received" }],
    spanMs: 0,
    tokens: new Float32Array(6),
    received: [{ rank: 1, windowMs: 10, cells: Uint32Array.of(1, 5), tokens: Float32Array.of(1, 2.5) }],
    engines: [],
    sent: [],
  };
  const bytes = load.encode(value as never);
  // An earlier version counts nothing that spans no time.
  expect(headOfKind(load, bytes)).toEqual(RECEIVED);
  expect([...bytes.subarray(-load.behind)]).toEqual(Array.from({ length: load.behind }, () => 0));
  expect(load.decode(bytes)).toEqual(value);
});

test.each([
  [{ cells: "AQAAAAYAAAA=" }, "its cells are not of the pool's layers and experts"],
  [{ cells: "BQAAAAEAAAA=" }, "its cells are not of the pool's layers and experts, in their order"],
  [{ cells: "AQAAAAEAAAA=" }, "its cells are not of the pool's layers and experts, in their order"],
  [{ cells: "AQAAAAUA" }, "its cells are cut short"],
  [{ cells: "AQAAAA==" }, "it has not as many cells as counts"],
  [{ tokens: "AACAPwAAgL8=" }, "a count is negative, or no number"],
  [{ tokens: "AACAPwAAAAA=" }, "it names an expert that received nothing"],
  [{ windowMs: 0 }, "it has received something in no time"],
  [{ rank: 2 }, "a rank that there is not"],
])("what was received is refused with %j", (differences, fault) => {
  const [, load] = STORED_KINDS;
  const received = [{ ...RECEIVED.received[0], ...differences }];
  expect(() => load.decode(withFields(load, load.before, { ...RECEIVED, received }))).toThrow(fault);
});

test("what an engine says of its load balancing comes with a load, and is left out by versions before", () => {
  const [, load] = STORED_KINDS;
  const engine = {
    name: "vllm 0.32.0",
    step: 9000,
    rebalances: 2,
    rebalanceEvery: 3000,
    dispatch: "even",
    balancedness: 0.5,
    windowMs: 1000,
    counts: "ab12",
    empty: false,
    ranks: 2,
    otherMap: [],
    otherTable: [1],
  };
  expect(load.decode(withFields(load, load.before, { engines: [engine] }))).toMatchObject({
    engines: [engine],
  });
  for (const more of [{ balancedness: 2 }, { step: -1 }, { otherMap: ["1"] }, { counts: null }])
    expect(() => load.decode(withFields(load, load.before, { engines: [{ ...engine, ...more }] }))).toThrow(
      Unreadable,
    );
});

test("deep JSON, and claims of a size that no bytes bear out, are refused before anything is made of them", () => {
  const [snapshot] = STORED_KINDS;
  const report = STORED_KINDS[9];
  const deep = new TextDecoder()
    .decode(report.before)
    .replace(/"gain":0.1/, `"gain":${"[".repeat(9999)}${"]".repeat(9999)}`);
  expect(() => report.decode(new TextEncoder().encode(deep))).toThrow("nested less deeply");
  const { placement } = headOfKind(snapshot, snapshot.before) as { placement: object };
  for (const claim of [
    { experts: 65_536 },
    { layers: 65_536 },
    { topology: { nodes: 65_536, gpusPerNode: 65_536, slotsPerGpu: 65_536 } },
  ])
    expect(() =>
      snapshot.decode(withFields(snapshot, snapshot.before, { placement: { ...placement, ...claim } })),
    ).toThrow(Unreadable);
});
