import { demand } from "../../lib/shape.ts";
import { counts } from "../../model/count-bytes.ts";
import type { ExpertLoad } from "../../model/load.ts";

/**
 * The load a planner expects, as it is kept for the next: the value `learned` of its pool's store, float32 behind the
 * shape. Layers and experts are above 0: a 0 in front is left to a later layout.
 */
export function encodeLearned({ layers, experts, tokens }: ExpertLoad): Uint8Array {
  const bytes = new Uint8Array(8 + 4 * tokens.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, layers, true);
  view.setUint32(4, experts, true);
  new Float32Array(bytes.buffer, 8).set(tokens);
  return bytes;
}

/** @throws Unreadable, also when it is of another shape */
export function decodeLearned(bytes: Uint8Array, layers: number, experts: number): ExpertLoad {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  demand(
    bytes.length === 8 + 4 * layers * experts &&
      view.getUint32(0, true) === layers &&
      view.getUint32(4, true) === experts,
    "it is not of the pool's layers and experts",
  );
  return { layers, experts, tokens: Float64Array.from(counts(bytes.subarray(8))) };
}
