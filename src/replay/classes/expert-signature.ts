import type { RoutingTrace } from "../../model/routing-trace.ts";

/** Numbers of a signature. Signed sums into so many places keep how alike two requests are to about 0.03. */
export const SIGNATURE = 1024;
/** Above the ids of every model's experts. */
const LAYER_STRIDE = 1 << 15;

/**
 * Which experts a request's tokens went to, in few numbers: selections of all layers, summed with signs into places that a
 * hash says, of length 1. Null where nothing was selected.
 */
export function expertSignature({ tokens, layers, topk, experts }: RoutingTrace): Float32Array | null {
  const signature = new Float32Array(SIGNATURE);
  for (let token = 0, i = 0; token < tokens; token++) {
    for (let layer = 0; layer < layers; layer++) {
      for (let k = 0; k < topk; k++, i++) {
        if (experts[i] < 0) continue;
        const hash = mixed(layer * LAYER_STRIDE + experts[i]);
        signature[hash % SIGNATURE] += hash >>> 31 === 0 ? 1 : -1;
      }
    }
  }
  return toLengthOne(signature) ? signature : null;
}

/** @returns whether it has any length */
export function toLengthOne(vector: Float32Array): boolean {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  if (length === 0) return false;
  for (let i = 0; i < vector.length; i++) vector[i] /= length;
  return true;
}

/** murmur3's finalizer: every bit of a cell's number changes half of the others. */
function mixed(cell: number): number {
  let hash = cell | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85_eb_ca_6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2_b2_ae_35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
