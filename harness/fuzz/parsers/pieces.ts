import { crc32 } from "node:zlib";
import { Rng } from "../../../src/lib/rng.ts";

const MOST_PIECES = 6;

/** Bytes cut at some places, which follow from the bytes themselves: an input is cut the same way again. */
export function pieces(bytes: Buffer): Buffer[] {
  const rng = new Rng(crc32(bytes));
  const cuts = Array.from({ length: 1 + rng.below(MOST_PIECES - 1) }, () => rng.below(bytes.length + 1));
  const at = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
  // A copy each, as a socket gives them.
  return at.slice(1).map((end, i) => Buffer.from(bytes.subarray(at[i], end)));
}
