import { type Shape, demand, number, record, text, whole } from "../../lib/shape.ts";
import { counts } from "../../model/count-bytes.ts";

/**
 * What a rank's report counts. `source`: the tokens that its own requests have routed, to all experts. `received`: the
 * tokens that its own experts have received, from all ranks. Over all ranks, either sums to the pool's load; a mixture
 * of both sums to nothing.
 */
export const COUNTED = ["source", "received"] as const;
export type Counted = (typeof COUNTED)[number];

/** What one rank's experts have received in one window, without the experts that received nothing. */
export interface ReceivedCounts {
  readonly rank: number;
  readonly windowMs: number;
  /** layer × experts + expert, ascending. */
  readonly cells: Uint32Array;
  /** `[cells]`: tokens, above 0. */
  readonly tokens: Float32Array;
}

/** @param load `[layers][experts]` */
export function receivedCounts(
  rank: number,
  windowMs: number,
  load: Uint32Array | Float64Array,
): ReceivedCounts {
  // What float32 rounds to 0 is none.
  const tokens = Float32Array.from(load);
  const cells = Uint32Array.from(tokens.keys().filter((cell) => tokens[cell] > 0));
  return { rank, windowMs, cells, tokens: Float32Array.from(cells, (cell) => tokens[cell]) };
}

/** In JSON: cells as uint32 and tokens as float32, little-endian, both in base64. */
interface Stored {
  readonly rank: number;
  readonly windowMs: number;
  readonly cells: string;
  readonly tokens: string;
}

export const storedReceived: Shape<Stored> = record<Stored>({
  rank: whole(),
  windowMs: number(0),
  cells: text,
  tokens: text,
});

export function encodeReceived({ rank, windowMs, cells, tokens }: ReceivedCounts): Stored {
  return { rank, windowMs, cells: base64(cells), tokens: base64(tokens) };
}

/** @param size of a load. @throws Unreadable */
export function decodeReceived({ rank, windowMs, cells, tokens }: Stored, size: number): ReceivedCounts {
  const at = new Uint8Array(Buffer.from(cells, "base64"));
  demand(at.length % 4 === 0, "its cells are cut short");
  const read = new Uint32Array(at.buffer);
  const received = counts(Buffer.from(tokens, "base64"));
  demand(windowMs > 0, "it has received something in no time");
  demand(read.length === received.length, "it has not as many cells as counts");
  demand(
    read.every((cell, i) => cell < size && (i === 0 || cell > read[i - 1])),
    "its cells are not of the pool's layers and experts, in their order",
  );
  demand(
    received.every((count) => count > 0),
    "it names an expert that received nothing",
  );
  return { rank, windowMs, cells: read, tokens: received };
}

function base64({ buffer, byteOffset, byteLength }: Uint32Array | Float32Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString("base64");
}
