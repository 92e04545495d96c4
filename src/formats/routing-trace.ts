import { InputError } from "../lib/errors.ts";
import { MAX_TRACE_EXPERTS, type RoutingTrace } from "../model/routing-trace.ts";
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
  const [tokens, layers, topk] = shape;
  const ids = new Int16Array(values.length);
  for (let i = 0; i < ids.length; i++) {
    const id = values[i];
    if (id < -1 || id >= experts) {
      const row = Math.floor(i / topk);
      const where = `token ${Math.floor(row / layers)} layer ${row % layers}`;
      throw new InputError(source, where, `has expert ${id}; expected 0..${experts - 1}, or −1 for none`);
    }
    ids[i] = id;
  }
  return { tokens, layers, topk, experts: ids };
}
