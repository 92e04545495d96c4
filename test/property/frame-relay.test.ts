import { Readable } from "node:stream";
import fc from "fast-check";
import { expect, test } from "vitest";
import { FrameRelay } from "../../src/http/frame-relay.ts";

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

test("whatever pieces a stream comes in, the same bytes go out, and content frames are counted", async () => {
  await fc.assert(
    fc.asyncProperty(stream, async ({ frames, rest, cuts }) => {
      const bytes = Buffer.from(frames.map((each) => each.bytes).join("") + rest);
      let contents = 0;
      const relay = Readable.from(pieces(bytes, cuts), { objectMode: false }).pipe(
        new FrameRelay(() => contents++),
      );
      expect(Buffer.concat(await relay.toArray())).toEqual(bytes);
      expect(contents).toBe(frames.filter((each) => each.content).length);
    }),
    { seed: 4 },
  );
});

test("a stream that breaks ends after its last whole frame, with the frame that says so", async () => {
  await fc.assert(
    fc.asyncProperty(stream, async ({ frames, rest, cuts }) => {
      const whole = frames.map((each) => each.bytes).join("");
      const relay = new FrameRelay(() => {});
      for (const piece of pieces(Buffer.from(whole + rest), cuts)) relay.write(piece);
      relay.breakOff("data: broken\n\n");
      expect(Buffer.concat(await relay.toArray()).toString()).toBe(`${whole}data: broken\n\n`);
    }),
    { seed: 5 },
  );
});

test("a frame too long to hold is passed on before its end", () => {
  const relay = new FrameRelay(() => {});
  relay.write("data: x");
  expect(relay.readableLength).toBe(0);
  const long = Buffer.alloc(9 * 1024 * 1024, "x");
  relay.write(long);
  expect(relay.readableLength).toBe("data: x".length + long.length);
});
