import { isIntegerType, readNpy } from "../formats/npy.ts";
import { InputError } from "../lib/errors.ts";
import type { Placement } from "../model/placement.ts";
import { gpuCount } from "../model/topology.ts";

/**
 * Reads what every rank is expected to send: integers `[ranks][layers][experts]`.
 * @throws InputError where they do not fit the placement
 */
export function readRankTokens(bytes: Uint8Array, source: string, placement: Placement): Float64Array {
  const { dtype, shape, values } = readNpy(bytes, source);
  if (!isIntegerType(dtype)) {
    throw new InputError(source, "descr", `is '${dtype}'; expected integers (tokens)`);
  }
  const expected = [gpuCount(placement.topology), placement.layers, placement.experts];
  if (shape.length !== 3 || shape.some((length, i) => length !== expected[i])) {
    const hint = `is (${shape.join(", ")}); expected (${expected.join(", ")}): ranks, layers, experts`;
    throw new InputError(source, "shape", hint);
  }
  return Float64Array.from(values as ArrayLike<number>, (tokens, i) => {
    if (tokens >= 0) return tokens;
    throw new InputError(source, `value ${i}`, `is ${tokens}; expected tokens, 0 or more`);
  });
}
