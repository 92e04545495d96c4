import fc from "fast-check";
import { expect, test } from "vitest";
import { EndlessLine, EventStream } from "../../src/replay/answer/event-stream.ts";
import { StreamedAnswer } from "../../src/replay/answer/streamed-answer.ts";
import { runs } from "../runs.ts";

const SEED = { seed: 20261130, numRuns: runs(120) };

function eventsOf(chunks: readonly Buffer[]): [type: string, data: string][] {
  const events: [string, string][] = [];
  const stream = new EventStream((type, data) => events.push([type, data]));
  for (const chunk of chunks) stream.push(chunk);
  stream.end();
  return events;
}

/** @param cuts where, as parts of the whole */
function cutAt(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [0, ...cuts.map((part) => Math.floor(part * bytes.length)), bytes.length].toSorted(
    (a, b) => a - b,
  );
  return at.slice(1).map((end, i) => bytes.subarray(at[i], end));
}

const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 });
const lineEnd = fc.constantFrom("\n", "\r\n", "\r");
const data = fc
  .string({ unit: "grapheme", maxLength: 12 })
  .map((text) => text.replaceAll(/[\r\n\uFEFF]/g, ""));

/** An event as it is written, and as it is read. */
const event = fc.record({
  type: fc.option(fc.constantFrom("error", "ping"), { nil: null }),
  lines: fc.array(data, { minLength: 1, maxLength: 3 }),
  comment: fc.boolean(),
  blank: fc.boolean(),
});

test("events are those that were written, whatever ends their lines and however their bytes are cut", () => {
  const stream = fc.tuple(fc.array(event, { maxLength: 6 }), lineEnd, cuts, fc.boolean(), fc.boolean());
  fc.assert(
    fc.property(stream, ([events, end, where, mark, open]) => {
      const text = events
        .map(({ type, lines, comment, blank }) => {
          const written = [
            ...(comment ? [": ping", "id: 7", "retry: 10"] : []),
            ...(type === null ? [] : [`event: ${type}`]),
            ...lines.map((line) => (blank || line.startsWith(" ") ? `data: ${line}` : `data:${line}`)),
          ];
          return `${written.join(end)}${end}${end}`;
        })
        .join("");
      // The last event may lack the empty line behind it.
      const whole = `${mark ? "\uFEFF" : ""}${open && events.length > 0 ? text.slice(0, -2 * end.length) : text}`;
      const wanted = events
        .map(({ type, lines }) => [type ?? "", lines.join("\n")])
        .filter(([, written]) => written !== "");
      expect(eventsOf(cutAt(Buffer.from(whole), where))).toEqual(wanted);
    }),
    SEED,
  );
});

const piece = fc.constantFrom(
  'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n',
  'data: {"choices":[{"delta":{"content":"wörd 🌊"}}]}\n\n',
  'data: {"choices":[{"delta":{"reasoning_content":"hm"}}]}\r\n\r\n',
  'data: {"choices":[{"delta":{"content":"a b"},"token_ids":[1,2]}],"usage":{"completion_tokens":3}}\n\n',
  'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n',
  'data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4}}\n\n',
  'data: {"error":"engine died"}\n\n',
  'event: error\ndata: {"message":"gone"}\n\n',
  ": keep-alive\n\n",
  "data: [DONE]\n\n",
  'data: {"choi',
);

test("an answer is the same however its bytes are cut", () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 10 }), cuts, (pieces, where) => {
      const bytes = Buffer.from(pieces.join(""));
      const [whole, cut] = [[bytes], cutAt(bytes, where)].map((chunks) => {
        let told = 0;
        const answer = new StreamedAnswer((_, tokens) => (told += tokens));
        for (const chunk of chunks) answer.push(chunk, 1);
        answer.end();
        const { tokenTimes, frames, usage, outputTokens, tokensFrom, finishReason, failure, errorText } =
          answer;
        return {
          tokenTimes,
          frames,
          usage,
          outputTokens,
          tokensFrom,
          finishReason,
          failure,
          errorText,
          told,
        };
      });
      expect(cut).toEqual(whole);
    }),
    SEED,
  );
});

test("a line without an end is refused before it fills the memory", () => {
  const stream = new EventStream(() => {});
  const chunk = Buffer.alloc(1 << 20, "x");
  expect(() => {
    for (let i = 0; i < 20; i++) stream.push(chunk);
  }).toThrow(EndlessLine);
});
