import { InputError } from "../lib/errors.ts";
import { MAX_TRACE_EXPERTS, type RoutingTrace, type TraceRows } from "../model/routing-trace.ts";
import { isIntegerType, readNpy } from "./npy.ts";

/**
 * Reads a routing trace: an integer `.npy` of shape `[tokens, layers, topk]`, −1 for none.
 * @param experts experts per layer of the model that is to read it, when known
 * @throws InputError naming the token and layer of the first id out of range
 */
export function readRoutingTrace(
  bytes: Uint8Array,
  source: string,
  experts = MAX_TRACE_EXPERTS,
): RoutingTrace {
  const every = (depth: number) => Array.from({ length: depth }, (_, row) => row);
  return readTraceRows(bytes, source, experts, every).trace;
}

/**
 * Reads some layers of one; what the others say does not matter.
 * @param rowsOf the layers' rows, of so many
 */
export function readTraceRows(
  bytes: Uint8Array,
  source: string,
  experts: number,
  rowsOf: (depth: number) => readonly number[],
): TraceRows {
  const { dtype, shape, values } = readNpy(bytes, source);
  if (!isIntegerType(dtype)) {
    throw new InputError(source, "descr", `is '${dtype}'; expected integers (expert ids)`);
  }
  if (shape.length !== 3 || shape.includes(0)) {
    throw new InputError(
      source,
      "shape",
      `is (${shape.join(", ")}); expected (tokens, layers, topk), none of them 0`,
    );
  }
  const [tokens, depth, topk] = shape;
  const rows = rowsOf(depth);
  const ids = new Int16Array(tokens * rows.length * topk);
  let to = 0;
  for (let token = 0; token < tokens; token++) {
    for (const row of rows) {
      const from = (token * depth + row) * topk;
      for (let k = 0; k < topk; k++) {
        const id = values[from + k];
        if (id < -1 || id >= experts) {
          const where = `token ${token} layer ${row}`;
          throw new InputError(source, where, `has expert ${id}; expected 0..${experts - 1}, or −1 for none`);
        }
        ids[to++] = id;
      }
    }
  }
  return { trace: { tokens, layers: rows.length, topk, experts: ids }, rows, depth };
}
