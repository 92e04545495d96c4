import fc from "fast-check";
import { expect, test } from "vitest";
import { FieldCutter } from "../../src/engines/http/field-cutter.ts";
import { runs } from "../runs.ts";

const NAMES = ["routed_experts", "prompt_routed_experts", "routed_experts_dtype"];

/** Names and texts that look like what is cut, and are not. */
const key = fc.oneof(
  fc.constantFrom(...NAMES, "a", "xrouted_experts", "routed_expert", "routed_experts_"),
  fc.string(),
);
const text = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.constantFrom(
    "routed_experts",
    'say "routed_experts": 1,',
    '\\"routed_experts":',
    "\\",
    ', "',
    '"routed',
  ),
);
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom(null, true, 0, -1.5),
    text,
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(key, tie("value"), { maxKeys: 4 }),
  ),
}));
const spacing = fc.constantFrom(undefined, 1, "\t");
const cuts = fc.array(fc.nat(4000), { maxLength: 20 });

function cut(json: string, at: readonly number[]): { outside: string; received: [string, string][] } {
  const bytes = Buffer.from(json);
  const received: [string, string][] = [];
  const cutter = new FieldCutter("routed_experts", NAMES, 1 << 20, (name, found, whole) => {
    expect(whole).toBe(true);
    received.push([name, found.toString()]);
  });
  const outside: Buffer[] = [];
  const places = [
    0,
    ...at.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b),
    bytes.length,
  ];
  // Pieces of their own: what lies around them must not matter.
  for (let i = 1; i < places.length; i++)
    outside.push(...cutter.take(Buffer.from(bytes.subarray(places[i - 1], places[i]))));
  outside.push(cutter.end() ?? Buffer.alloc(0));
  return { outside: Buffer.concat(outside).toString(), received };
}

function without(json: unknown, received: [string, string][]): unknown {
  if (Array.isArray(json)) return json.map((item) => without(item, received));
  if (typeof json !== "object" || json === null) return json;
  const rest: Record<string, unknown> = Object.create(null);
  for (const [name, inner] of Object.entries(json)) {
    if (NAMES.includes(name)) received.push([name, JSON.stringify(inner)]);
    else rest[name] = without(inner, received);
  }
  return rest;
}

test("what is cut is the fields and nothing else, however the bytes come", () => {
  fc.assert(
    fc.property(value, spacing, cuts, (json, indent, at) => {
      const { outside, received } = cut(JSON.stringify(json, null, indent), at);
      const expected: [string, string][] = [];
      expect(JSON.parse(outside)).toEqual(without(JSON.parse(JSON.stringify(json)), expected));
      const compact = received.map(([name, found]) => [name, JSON.stringify(JSON.parse(found))]);
      expect(compact).toEqual(expected);
    }),
    { seed: 1, numRuns: runs(400) },
  );
});

test("bytes without such fields pass as they are, whatever they are", () => {
  const part = fc.oneof(
    fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
    fc.constantFrom('"routed_experts" ', "routed_experts", '\\"routed_experts":1', ',  "prompt_', "\n\n"),
  );
  const bytes = fc
    .array(part, { maxLength: 8 })
    .map((parts) => parts.join(""))
    .filter((all) => !/(?<!\\)"\w*routed_experts\w*"\s*:/.test(all));
  fc.assert(
    fc.property(bytes, cuts, (all, at) => {
      expect(cut(all, at).outside).toBe(all);
    }),
    { seed: 1, numRuns: runs(200) },
  );
});

test("a value that breaks off at a line's end takes nothing of the next line along", () => {
  const cutter = new FieldCutter("routed_experts", NAMES, 100, () => {});
  const parts = cutter.take(Buffer.from('data: {"a":1,"routed_experts":"AAA\n\ndata: {"b":2}\n\n'));
  expect(Buffer.concat(parts).toString()).toBe('data: {"a":1\n\ndata: {"b":2}\n\n');
});

test("of a long value the beginning is kept", () => {
  const received: [string, boolean][] = [];
  const cutter = new FieldCutter("routed_experts", NAMES, 5, (_, found, whole) =>
    received.push([found.toString(), whole]),
  );
  cutter.take(Buffer.from('{"routed_experts":"ABC'));
  cutter.take(Buffer.from('DEFGH","routed_experts":12345,"routed_experts":"AB'));
  cutter.end();
  expect(received).toEqual([
    ['"ABCD', false],
    ["12345", true],
    ['"AB', false],
  ]);
});
