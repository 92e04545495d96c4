import { demand } from "../lib/shape.ts";

/** Counts as float32, little-endian, which share nothing with `bytes`. @throws Unreadable unless all are finite and ≥ 0 */
export function counts(bytes: Uint8Array): Float32Array {
  demand(bytes.length % 4 === 0, "its counts are cut short");
  // Not `slice`, which does not copy where the bytes are a Buffer; floats want an aligned beginning.
  const numbers = new Float32Array(new Uint8Array(bytes).buffer);
  demand(
    numbers.every((count) => count >= 0 && count < Number.POSITIVE_INFINITY),
    "a count is negative, or no number",
  );
  return numbers;
}
