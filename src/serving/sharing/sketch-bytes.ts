import type { Learned } from "../../core/load/expert-rows.ts";
import { demand } from "../../lib/shape.ts";
import { counts } from "../../model/count-bytes.ts";

const COUNTS_AT = 8;
/** Older tokens count for less and less: no sketch comes to so many, and one that did would give way to no other. */
const MOST_TOKENS = 1e9;

/** Tokens as float64, then counts as float32, little-endian. Tokens are never negative: below 0 is left to a later layout. */
export function encodeSketch({ tokens, counts: learned }: Learned): Uint8Array {
  const bytes = new Uint8Array(COUNTS_AT + learned.byteLength);
  new DataView(bytes.buffer).setFloat64(0, tokens, true);
  bytes.set(new Uint8Array(learned.buffer, learned.byteOffset, learned.byteLength), COUNTS_AT);
  return bytes;
}

/** @param selections counted: the pool's layers × experts. @throws Unreadable, also for another pool's */
export function decodeSketch(bytes: Uint8Array, selections: number): Learned {
  demand(bytes.length === COUNTS_AT + 4 * selections, "its counts are not of the pool's layers and experts");
  const tokens = new DataView(bytes.buffer, bytes.byteOffset, COUNTS_AT).getFloat64(0, true);
  demand(tokens >= 0 && tokens <= MOST_TOKENS, "its tokens are negative, too many, or no number");
  return { tokens, counts: counts(bytes.subarray(COUNTS_AT)) };
}
