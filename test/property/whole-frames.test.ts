import fc from "fast-check";
import { expect, test } from "vitest";
import { WholeFrames } from "../../src/http/whole-frames.ts";

const frame = fc.oneof(
  fc
    .record({ text: fc.string({ unit: "grapheme", minLength: 1 }), end: fc.constantFrom("\n\n", "\r\n\r\n") })
    .map(({ text, end }) => ({
      bytes: `data: ${JSON.stringify({ choices: [{ delta: { content: text } }] })}${end}`,
      content: true,
    })),
  fc
    .constantFrom(
      `data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n`,
      `data: {"choices":[],"usage":{"total_tokens":3}}\n\n`,
      `event: ping\ndata:\n\n`,
      `: comment\r\n\r\n`,
      `data: {"id":"say \\"content\\": \\"x\\""}\n\n`,
      "data: [DONE]\n\n",
    )
    .map((bytes) => ({ bytes, content: false })),
);

/** Cuts bytes at the given places. */
function pieces(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  return at
    .slice(1)
    .map((end, i) => bytes.subarray(at[i], end))
    .filter((piece) => piece.length > 0);
}

const stream = fc.record({
  frames: fc.array(frame, { maxLength: 8 }),
  rest: fc.constantFrom("", "data: {", "data: x\n", "\r"),
  cuts: fc.array(fc.nat(2000), { maxLength: 12 }),
});

/** What comes out while the pieces come in, and the frames with content that were counted. */
function relayed(relay: WholeFrames, parts: readonly Buffer[]): { whole: string; contents: number } {
  let contents = 0;
  const out: Buffer[] = [];
  for (const part of parts) {
    const whole = relay.take(part);
    if (whole === null) continue;
    out.push(whole);
    contents += relay.contentFrames;
  }
  return { whole: Buffer.concat(out).toString(), contents };
}

test("whatever pieces a stream comes in, whole frames go out in order, and the rest is at hand", () => {
  fc.assert(
    fc.property(stream, ({ frames, rest, cuts }) => {
      const bytes = frames.map((each) => each.bytes).join("");
      const relay = new WholeFrames();
      const { whole } = relayed(relay, pieces(Buffer.from(bytes + rest), cuts));
      expect(whole).toBe(bytes);
      expect(relay.rest()?.toString() ?? "").toBe(rest);
    }),
    { seed: 4 },
  );
});

test("nothing that ends inside a frame is let out", () => {
  fc.assert(
    fc.property(stream, ({ frames, rest, cuts }) => {
      const relay = new WholeFrames();
      for (const piece of pieces(Buffer.from(frames.map((each) => each.bytes).join("") + rest), cuts)) {
        const whole = relay.take(piece);
        if (whole !== null) expect(whole.toString()).toMatch(/(?:\n\n|\r\n\r\n)$/);
      }
    }),
    { seed: 5 },
  );
});

test("frames are counted from the first with content on, comments never", () => {
  fc.assert(
    fc.property(
      fc.array(frame, { maxLength: 8 }),
      fc.array(fc.nat(2000), { maxLength: 12 }),
      (frames, cuts) => {
        // One frame at a time, as engines send them: then the count is exact.
        const each = frames.map(({ bytes }) => bytes);
        const relay = new WholeFrames();
        const contents = each.map((bytes) => relayed(relay, pieces(Buffer.from(bytes), cuts)).contents);
        const first = frames.findIndex(({ content }) => content);
        const counted = each.map((bytes, i) => (first >= 0 && i >= first && !bytes.startsWith(":") ? 1 : 0));
        expect(contents).toEqual(counted);
      },
    ),
    { seed: 6 },
  );
});

test("frames that come together are counted one by one, whichever way their lines end", () => {
  fc.assert(
    fc.property(fc.array(frame, { minLength: 1, maxLength: 8 }), (frames) => {
      const relay = new WholeFrames();
      relay.take(Buffer.from('data: {"delta":"x"}\n\n'));
      relay.take(Buffer.from(frames.map(({ bytes }) => bytes).join("")));
      expect(relay.contentFrames).toBe(frames.filter(({ bytes }) => !bytes.startsWith(":")).length);
    }),
    { seed: 7 },
  );
});

test("a frame too long to hold is passed on before its end", () => {
  const relay = new WholeFrames();
  const begin = Buffer.from("data: x");
  expect(relay.take(begin)).toBeNull();
  const long = Buffer.alloc(9 * 1024 * 1024, "x");
  expect(relay.take(long)?.length).toBe(begin.length + long.length);
  expect(relay.rest()).toBeNull();
});
