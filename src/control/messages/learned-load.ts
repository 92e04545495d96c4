import type { ExpertLoad } from "../../model/load.ts";

/** The load a planner expects, as it is kept for the next: the value `learned` of its pool's store, float32 behind the shape. */
export function encodeLearned({ layers, experts, tokens }: ExpertLoad): Uint8Array {
  const bytes = new Uint8Array(8 + 4 * tokens.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, layers, true);
  view.setUint32(4, experts, true);
  new Float32Array(bytes.buffer, 8).set(tokens);
  return bytes;
}

/** @returns null when it is of another shape */
export function decodeLearned(bytes: Uint8Array, layers: number, experts: number): ExpertLoad | null {
  if (bytes.length !== 8 + 4 * layers * experts) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (view.getUint32(0, true) !== layers || view.getUint32(4, true) !== experts) return null;
  return {
    layers,
    experts,
    tokens: Float64Array.from(new Float32Array(new Uint8Array(bytes.subarray(8)).buffer)),
  };
}
