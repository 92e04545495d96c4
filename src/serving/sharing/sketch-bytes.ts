import type { Learned } from "../../core/load/expert-sketch.ts";
import { demand } from "../../lib/shape.ts";
import { counts } from "../../model/count-bytes.ts";

const COUNTS_AT = 8;

/** Tokens as float64, then counts as float32, little-endian. Tokens are never negative: below 0 is left to a later layout. */
export function encodeSketch({ tokens, counts: learned }: Learned): Uint8Array {
  const bytes = new Uint8Array(COUNTS_AT + learned.byteLength);
  new DataView(bytes.buffer).setFloat64(0, tokens, true);
  bytes.set(new Uint8Array(learned.buffer, learned.byteOffset, learned.byteLength), COUNTS_AT);
  return bytes;
}

/** @throws Unreadable */
export function decodeSketch(bytes: Uint8Array): Learned {
  demand(bytes.length >= COUNTS_AT, "it is cut short");
  const tokens = new DataView(bytes.buffer, bytes.byteOffset, COUNTS_AT).getFloat64(0, true);
  demand(tokens >= 0 && Number.isFinite(tokens), "its tokens are negative, or no number");
  return { tokens, counts: counts(bytes.subarray(COUNTS_AT)) };
}
