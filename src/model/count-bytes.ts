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

/** The most that a float16 holds. */
const MOST_THOUSANDS = 65_504;

/** Counts in thousands as float16, little-endian: to three digits, from 0.0001 to 65 million. */
export function thousandBytes(values: Float32Array): Uint8Array {
  const halves = Float16Array.from(values, (count) => Math.min(MOST_THOUSANDS, count / 1000));
  return new Uint8Array(halves.buffer);
}

/** Such counts, which share nothing with `bytes`. @throws Unreadable unless all are finite and ≥ 0 */
export function thousands(bytes: Uint8Array): Float32Array {
  demand(bytes.length % 2 === 0, "its counts are cut short");
  const halves = new Float16Array(new Uint8Array(bytes).buffer);
  demand(
    halves.every((count) => count >= 0 && count < Number.POSITIVE_INFINITY),
    "a count is negative, or no number",
  );
  return Float32Array.from(halves, (count) => 1000 * count);
}
