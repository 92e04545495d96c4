import { expect, test } from "vitest";
import { decodeLearned, encodeLearned } from "../../src/control/messages/learned-load.ts";
import { type PoolMessage, decodeMessage, encodeMessage } from "../../src/control/messages/pool-message.ts";

const messages: readonly PoolMessage[] = [
  {
    kind: "load",
    from: "one",
    sampled: false,
    reported: [{ rank: 3, windowMs: 10, incarnation: 1_732_424_400_000 }],
    spanMs: 20,
    tokens: Float32Array.of(1, 2.5, 0),
  },
  { kind: "ack", epoch: 7, rank: 3, phase: "committed", incarnation: null },
  { kind: "rank", rank: 3, state: "lost", incarnation: 5 },
  { kind: "order", order: { kind: "rollback", epoch: 4 } },
];

test.each(messages)("$kind is read as it was written, from any bytes", (message) => {
  const bytes = encodeMessage(message);
  expect(decodeMessage(bytes)).toEqual(message);
  // As a client of a store gives them: a view into a larger buffer.
  expect(decodeMessage(Buffer.concat([Buffer.of(1, 2, 3), bytes]).subarray(3))).toEqual(message);
});

test("what was learned is read as it was written, and only in its own shape", () => {
  const load = { layers: 2, experts: 3, tokens: Float64Array.of(1, 2, 3, 4.5, 0, 6) };
  const bytes = Buffer.concat([Buffer.of(1), encodeLearned(load)]).subarray(1);
  expect(decodeLearned(bytes, 2, 3)).toEqual(load);
  expect(decodeLearned(bytes, 3, 2)).toBeNull();
  expect(decodeLearned(bytes.subarray(4), 2, 3)).toBeNull();
});
