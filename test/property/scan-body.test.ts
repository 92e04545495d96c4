import fc from "fast-check";
import { expect, test } from "vitest";
import { InvalidRequest } from "../../src/serving/refusals.ts";
import { scanBody } from "../../src/serving/request/scan-body.ts";

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

const string = fc.string({ unit: "binary", maxLength: 60 });
const json = fc.oneof(fc.json({ stringUnit: "binary" }), jsonString(string));
const named = (names: readonly string[], value: fc.Arbitrary<string>) =>
  fc.constantFrom(...names).chain((name) => fc.tuple(jsonString(fc.constant(name)), value));
const count = fc.oneof(
  fc.nat().map(String),
  fc.constantFrom("null", "1e3", "-1", '"7"', "[7]", "12.5", "1e999"),
);
const member = fc.oneof(
  named(["model"], jsonString(fc.string({ unit: "binary", minLength: 1 }))),
  named(["stream"], fc.constantFrom("true", "false", "null", '"true"', "1")),
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

function isCount(value: unknown): value is number {
  return typeof value === "number" && value > 0 && Number.isFinite(value);
}

test("reads what JSON.parse reads", () => {
  fc.assert(
    fc.property(body, ({ text, members }) => {
      const parsed = JSON.parse(text) as Record<string, unknown>;
      const fields = scanBody(Buffer.from(text));
      expect(fields.model).toBe(parsed["model"] ?? null);
      expect(fields.stream).toBe(parsed["stream"] === true);
      expect(fields.empty).toBe(members.length === 0);
      expect(fields.maxTokens).toBe(last(members, LIMITS, isCount));
      expect(fields.session).toBe(last(members, SESSIONS, isFilled));
    }),
    { seed: 1, numRuns: 400 },
  );
});

test("the prompt is all from its first field's value to the end of its last one's", () => {
  fc.assert(
    fc.property(body, ({ text, members }) => {
      const prompts = members.filter(({ name }) => PROMPTS.includes(name));
      const { prompt } = scanBody(Buffer.from(text));
      expect(prompt).toEqual({ start: prompts[0]?.start ?? 0, end: prompts.at(-1)?.end ?? 0 });
    }),
    { seed: 2, numRuns: 200 },
  );
});

test("a field put in at the end is the object's last", () => {
  fc.assert(
    fc.property(body, ({ text }) => {
      const bytes = Buffer.from(text);
      const { end, empty } = scanBody(bytes);
      const more = `${bytes.toString("utf8", 0, end)}${empty ? "" : ","}"more":[1]${bytes.toString("utf8", end)}`;
      expect(JSON.parse(more)).toEqual({ ...(JSON.parse(text) as object), more: [1] });
    }),
    { seed: 3, numRuns: 200 },
  );
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
        expect(() => scanBody(bytes.subarray(0, length))).toThrow(InvalidRequest);
    }),
    { seed: 4, numRuns: 60 },
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
    { seed: 5, numRuns: 600 },
  );
});

test("pictures in the prompt are counted with their bytes", () => {
  const url = `data:image/png;base64,${"A".repeat(400)}`;
  const part = { type: "image_url", image_url: { url } };
  const text = JSON.stringify({
    model: "m",
    messages: [{ role: "user", content: [part, { text: "data:" }, part] }],
  });
  expect(scanBody(Buffer.from(text))).toMatchObject({ media: 2, mediaBytes: 2 * (url.length + 1) });
});
