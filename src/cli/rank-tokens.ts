import { isIntegerType, readNpy } from "../formats/npy.ts";
import { InputError } from "../lib/errors.ts";
import type { Placement } from "../model/placement.ts";
import { type RowsToFit, alignedRows } from "./routing-file.ts";
import { gpuCount } from "../model/topology.ts";

/**
 * Reads what every rank is expected to send: integers `[ranks][layers][experts]`, of the placement's layers or, where
 * it knows their numbers, of all of the model.
 * @returns of the placement's layers
 * @throws InputError where they do not fit the placement
 */
export function readRankTokens(
  bytes: Uint8Array,
  source: string,
  placement: Placement,
  fit: RowsToFit,
): Float64Array {
  const { dtype, shape, values } = readNpy(bytes, source);
  if (!isIntegerType(dtype)) {
    throw new InputError(source, "descr", `is '${dtype}'; expected integers (tokens)`);
  }
  const { layers, experts, topology } = placement;
  const ranks = gpuCount(topology);
  if (shape.length !== 3 || shape[0] !== ranks || shape[2] !== experts) {
    const hint = `is (${shape.join(", ")}); expected (${ranks}, ${layers}, ${experts}): ranks, layers, experts`;
    throw new InputError(source, "shape", hint);
  }
  const [, depth] = shape;
  const rows = alignedRows(depth, fit, source);
  const kept = new Float64Array(ranks * layers * experts);
  for (let to = 0; to < kept.length; to++) {
    const line = Math.floor(to / experts);
    const from = (Math.floor(line / layers) * depth + rows[line % layers]) * experts + (to % experts);
    const tokens = values[from];
    if (!(tokens >= 0))
      throw new InputError(source, `value ${from}`, `is ${tokens}; expected tokens, 0 or more`);
    kept[to] = tokens;
  }
  return kept;
}
