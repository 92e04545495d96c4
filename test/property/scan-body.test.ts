import assert from "node:assert/strict";
import fc from "fast-check";
import { expect, test } from "vitest";
import { InvalidRequest } from "../../src/serving/refusals.ts";
import { fieldsOf } from "../../src/lib/json-fields.ts";
import { type ObjectBytes, without } from "../../src/serving/request/cut-fields.ts";
import { type BodyFields, BodyScan, scanBody } from "../../src/serving/request/scan-body.ts";
import { runs } from "../runs.ts";

const LIMITS = ["max_tokens", "max_completion_tokens", "max_output_tokens"];
const SESSIONS = ["user", "prompt_cache_key"];
const PROMPTS = [
  "messages",
  "prompt",
  "input",
  "text",
  "input_ids",
  "query",
  "text_1",
  "system",
  "instructions",
];

/** A string as JSON, some of its characters escaped that JSON.stringify leaves as they are. */
function jsonString(strings: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.tuple(strings, fc.infiniteStream(fc.nat(3))).map(([string, ways]) => {
    const parts = Array.from(string, (character) =>
      ways.next().value === 0 ? escaped(character) : JSON.stringify(character).slice(1, -1),
    );
    return `"${parts.join("")}"`;
  });
}

function escaped(character: string): string {
  const units = Array.from({ length: character.length }, (_, i) => character.charCodeAt(i));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
}

const REMOVED = [
  "bootstrap_host",
  "bootstrap_room",
  "kv_transfer_params",
  "data_parallel_rank",
  "routed_dp_rank",
];

const string = fc.string({ unit: "binary", maxLength: 60 });
const json = fc.oneof(fc.json({ stringUnit: "binary" }), jsonString(string));
const named = (names: readonly string[], value: fc.Arbitrary<string>) =>
  fc.constantFrom(...names).chain((name) => fc.tuple(jsonString(fc.constant(name)), value));
const count = fc.oneof(
  fc.nat().map(String),
  fc.constantFrom("null", "1e3", "-1", '"7"', "[7]", "12.5", "1e999"),
);
const member = fc.oneof(
  named(["model"], fc.oneof(jsonString(fc.string({ unit: "binary" })), fc.constant("null"))),
  named(["return_routed_experts"], fc.constantFrom("true", "false", "null", '"true"', "1")),
  named(["previous_response_id"], json),
  named(REMOVED, fc.oneof(count, json)),
  named(LIMITS, count),
  named(SESSIONS, json),
  named(PROMPTS, json),
  fc.tuple(jsonString(string), json),
);
const blank = fc.stringMatching(/^[ \n\r\t]{0,3}$/);

interface Member {
  readonly name: string;
  readonly value: unknown;
  /** Where the value stands, in bytes. */
  readonly start: number;
  readonly end: number;
}

interface Body {
  readonly text: string;
  /** In their order, those of one name too. */
  readonly members: readonly Member[];
}

const body = fc
  .tuple(fc.array(member, { maxLength: 9 }), fc.infiniteStream(blank))
  .map(([written, blanks]): Body => {
    const space = () => blanks.next().value as string;
    let text = `${space()}{${space()}`;
    const members = written.map(([key, value], i): Member => {
      text += `${i > 0 ? "," : ""}${space()}${key}${space()}:${space()}`;
      const start = Buffer.byteLength(text);
      text += value;
      const end = Buffer.byteLength(text);
      text += space();
      return { name: JSON.parse(key) as string, value: JSON.parse(value) as unknown, start, end };
    });
    return { text: `${text}}${space()}`, members };
  });

/** The last of the values that are there and that count. */
function last<T>(
  members: readonly Member[],
  names: readonly string[],
  counts: (value: unknown) => value is T,
): T | null {
  const values = members.filter(({ name }) => names.includes(name)).map(({ value }) => value);
  return values.findLast(counts) ?? null;
}

function isFilled(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function isRank(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && value > 0 && Number.isFinite(value);
}

test("reads what JSON.parse reads", () => {
  fc.assert(
    fc.property(body, ({ text, members }) => {
      const parsed = JSON.parse(text) as Record<string, unknown>;
      const fields = scanBody(Buffer.from(text));
      const { model = null, previous_response_id: response } = parsed;
      expect(fields.model).toBe(model === "" ? null : model);
      expect(fields.routedExperts).toBe(parsed["return_routed_experts"] === true);
      expect(fields.previousResponse).toBe(typeof response === "string" ? response : null);
      const { routed_dp_rank: rank, data_parallel_rank: older } = parsed;
      expect(fields.rank).toBe(isRank(rank) ? rank : isRank(older) ? older : -1);
      expect(fields.maxTokens).toBe(last(members, LIMITS, isCount));
      expect(fields.session).toBe(last(members, SESSIONS, isFilled));
    }),
    { seed: 1, numRuns: runs(400) },
  );
});

test("the prompt is all from its first field's value to the end of its last one's", () => {
  fc.assert(
    fc.property(body, ({ text, members }) => {
      const prompts = members.filter(({ name }) => PROMPTS.includes(name));
      const { prompt } = scanBody(Buffer.from(text));
      expect(prompt).toEqual({ start: prompts[0]?.start ?? 0, end: prompts.at(-1)?.end ?? 0 });
    }),
    { seed: 2, numRuns: runs(200) },
  );
});

test("the fields that no client may set are cut out, each time they come, and nothing else", () => {
  fc.assert(
    fc.property(body, ({ text }) => {
      const bytes = Buffer.from(text);
      const { bytes: rest, fields } = cleaned(bytes);
      const kept = Object.entries(JSON.parse(text) as object).filter(([name]) => !REMOVED.includes(name));
      expect(JSON.parse(rest.toString())).toEqual(Object.fromEntries(kept));
      expect(scanBody(rest)).toMatchObject({ removed: [], fields });
    }),
    { seed: 3, numRuns: runs(400) },
  );
});

function cleaned(bytes: Buffer): ObjectBytes {
  const { fields, removed } = scanBody(bytes);
  return without({ bytes, fields }, removed);
}

test("where the fields are is known from reading, and read again the same", () => {
  fc.assert(
    fc.property(body, ({ text, members }) => {
      const bytes = Buffer.from(text);
      const { fields } = scanBody(bytes);
      const found = fieldsOf(bytes, fields);
      expect(fieldsOf(bytes)).toEqual(found);
      const values = found.map(({ name, valueStart: start, end }) => ({ name, start, end }));
      expect(values).toEqual(members.map(({ name, start, end }) => ({ name, start, end })));
    }),
    { seed: 7, numRuns: runs(200) },
  );
});

test("a body of more fields than anyone writes is refused before it is read", () => {
  const many = (fields: number) => Buffer.from(`{${'"a":1,'.repeat(fields - 1)}"model":"m"}`);
  expect(scanBody(many(1024)).model).toBe("m");
  expect(() => new BodyScan().read(many(1025).subarray(0, -3))).toThrow(/1024 fields/);
});

/** What comes of a body that arrives in pieces; the reason where it is refused. */
function arriving(bytes: Buffer, cuts: readonly number[]): BodyFields | string {
  const scan = new BodyScan();
  const places = cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b);
  try {
    // What lies behind what has come must not matter.
    for (const place of places) scan.read(Buffer.from(bytes.subarray(0, place)));
    scan.read(bytes);
    return scan.end();
  } catch (error) {
    if (error instanceof InvalidRequest) return error.message;
    throw error;
  }
}

const damage = fc.array(fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) }), {
  maxLength: 2,
});

test("however a body arrives, what is read of it is the same, or it is refused", () => {
  fc.assert(
    fc.property(body, damage, fc.array(fc.nat(4000), { maxLength: 12 }), ({ text }, changed, cuts) => {
      const bytes = Buffer.from(text);
      for (const { at, byte } of changed) bytes[at % bytes.length] = byte;
      const [whole, pieces] = [arriving(bytes, []), arriving(bytes, cuts)];
      // Of two faults the one that arrives first is told.
      if (typeof whole === "string") expect(pieces).toBeTypeOf("string");
      else expect(pieces).toEqual(whole);
    }),
    { seed: 6, numRuns: runs(1500) },
  );
});

test("a malformed body is refused before its end", () => {
  const scan = new BodyScan();
  scan.read(Buffer.from('{"messages":['));
  expect(() => scan.read(Buffer.from('{"messages":[nonsense'))).toThrow(InvalidRequest);
  expect(() => new BodyScan().read(Buffer.from('{"a":"\xff", and so on', "latin1"))).toThrow(/UTF-8/);
});

test("fields that no client may set are refused when they come too often", () => {
  const often = (times: number) => Buffer.from(`{${'"bootstrap_room":1,'.repeat(times)}"model":"m"}`);
  expect(cleaned(often(64)).bytes.toString()).toBe('{"model":"m"}');
  expect(() => scanBody(often(65))).toThrow(/bootstrap_room/);
});

test("what is too long to be a name is none", () => {
  const long = "x".repeat(5000);
  const read = scanBody(Buffer.from(JSON.stringify({ user: long, previous_response_id: long })));
  expect(read).toMatchObject({ session: null, previousResponse: null, hasLongResponse: true });
  expect(() => scanBody(Buffer.from(`{"model":"${long}"}`))).toThrow(/model/);
});

test.each([
  ['{"sampling_params":{"max_new_tokens":7}}', 7],
  ['{"sampling_params":{ "stop": "\\"max_new_tokens\\":9", "max_new_tokens" : 7 }}', 7],
  ['{"sampling_params":[{"max_new_tokens":7},{"max_new_tokens":9},{}]}', 9],
  ['{"sampling_params":{"max_new_tokens":"7"}}', null],
  ['{"sampling_params":[null,3]}', null],
  [`{"sampling_params":{"regex":"${"a".repeat(70_000)}","max_new_tokens":7}}`, null],
])("the most new tokens of %s", (text, tokens) => {
  expect(scanBody(Buffer.from(text)).maxTokens).toBe(tokens);
});

/** Null when it is refused. */
function modelOf(bytes: Buffer): string | null {
  try {
    return scanBody(bytes).model;
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidRequest);
    return null;
  }
}

test("every beginning of a body is refused, and none does harm", () => {
  fc.assert(
    fc.property(body, ({ text }) => {
      const bytes = Buffer.from(text.trimEnd());
      for (let length = 0; length < bytes.length; length++)
        assert.throws(() => scanBody(bytes.subarray(0, length)), InvalidRequest);
    }),
    { seed: 4, numRuns: runs(60) },
  );
});

test("bytes changed at random are refused or read; what JSON.parse takes is read as it reads it", () => {
  const change = fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) });
  fc.assert(
    fc.property(body, fc.array(change, { minLength: 1, maxLength: 4 }), ({ text }, changes) => {
      const bytes = Buffer.from(text);
      for (const { at, byte } of changes) bytes[at % bytes.length] = byte;
      const model = modelOf(bytes);
      let parsed: Record<string, unknown> | null = null;
      try {
        parsed = JSON.parse(
          new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes),
        ) as never;
      } catch {
        return;
      }
      if (parsed !== null && typeof parsed === "object" && isFilled(parsed["model"]))
        expect(model).toBe(parsed["model"]);
    }),
    { seed: 5, numRuns: runs(600) },
  );
});

const BASE64 = Buffer.alloc(60_000, 0xa7).toString("base64");
const DATA_URL = `data:image/png;base64,${BASE64}`;

test.each([
  ["a picture by data: URL", { type: "image_url", image_url: { url: DATA_URL } }],
  ["a picture as the responses route takes it", { type: "input_image", image_url: DATA_URL }],
  ["a sound", { type: "input_audio", input_audio: { data: BASE64, format: "wav" } }],
  ["a file", { type: "file", file: { file_data: BASE64 } }],
  [
    "an Anthropic source",
    { type: "image", source: { type: "base64", media_type: "image/png", data: BASE64 } },
  ],
])("%s counts as one medium, not as text", (_, part) => {
  const content = [{ type: "text", text: "data:" }, part, part];
  for (const indent of [0, 2]) {
    const text = JSON.stringify({ model: "m", messages: [{ role: "user", content }] }, null, indent);
    const { media, textBytes } = scanBody(Buffer.from(text));
    expect(media).toBe(2);
    expect(textBytes).toBeLessThan(1500);
  }
});

test("media beside the prompt count too, and take nothing of its text away", () => {
  const fields = scanBody(Buffer.from(JSON.stringify({ text: "x".repeat(98), image_data: [BASE64] })));
  expect(fields).toMatchObject({ media: 1, textBytes: 100 });
});

test("a text that looks like a medium is text where texts stand", () => {
  for (const content of [BASE64, DATA_URL, `data: ${"so it says ".repeat(99)}`]) {
    const { media, textBytes } = scanBody(Buffer.from(JSON.stringify({ messages: [{ content }] })));
    expect(media).toBe(0);
    expect(textBytes).toBeGreaterThan(1000);
  }
});
