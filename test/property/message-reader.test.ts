import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MessageReader } from "../../loadtest/bench/gateway/message-reader.ts";

interface Message {
  readonly startLine: string;
  /** Parts of the body: the chunks of a chunked one. */
  readonly parts: readonly string[];
  readonly chunked: boolean;
}

const message: fc.Arbitrary<Message> = fc.record({
  startLine: fc.constantFrom("HTTP/1.1 200 OK", "POST /v1/chat/completions HTTP/1.1"),
  parts: fc.array(
    fc
      .array(fc.constantFrom("\r", "\n", "0", "data: x", "\r\n\r\n"), { minLength: 1, maxLength: 5 })
      .map((pieces) => pieces.join("")),
    { maxLength: 4 },
  ),
  chunked: fc.boolean(),
});

function onTheWire({ startLine, parts, chunked }: Message): string {
  if (!chunked) {
    const body = parts.join("");
    return `${startLine}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  }
  const chunks = parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join("");
  return `${startLine}\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`;
}

/** Start line and body of every message that ended. */
function read(pieces: readonly Buffer[]): string[][] {
  const messages: string[][] = [];
  let current: string[] = [];
  const reader = new MessageReader({
    head: (startLine) => {
      current = [startLine, ""];
    },
    body: (bytes, from, to) => {
      current[1] += bytes.toString("latin1", from, to);
    },
    end: () => messages.push(current),
  });
  for (const piece of pieces) reader.push(piece);
  return messages;
}

describe("MessageReader", () => {
  it("reads the same messages in whatever pieces they arrive", () => {
    const cuts = fc.array(fc.nat(400), { maxLength: 12 });
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 4 }), cuts, (messages, at) => {
        const bytes = Buffer.from(messages.map(onTheWire).join(""));
        const edges = [0, ...at.filter((cut) => cut < bytes.length).toSorted((a, b) => a - b), bytes.length];
        const pieces = edges.slice(1).map((to, i) => bytes.subarray(edges[i], to));
        expect(read(pieces)).toEqual(messages.map(({ startLine, parts }) => [startLine, parts.join("")]));
      }),
      { seed: 1 },
    );
  });

  it("refuses what is no HTTP/1.1, and a chunk without a size", () => {
    expect(() => read([Buffer.from("PRI * HTTP/2.0\r\n\r\n")])).toThrow("no HTTP/1.1");
    const chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n";
    expect(() => read([Buffer.from(chunked)])).toThrow("a chunk without a size");
  });
});
