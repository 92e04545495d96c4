import type { MoeModel } from "../../model/moe-model.ts";
import { BF16_BYTES, FP8_SCALE_BLOCK } from "../../model/weights.ts";

/** Bytes of an all-to-all: tokens out to their experts in the model's dispatch precision, results back in BF16. */
export interface ExchangeBytes {
  readonly dispatch: number;
  readonly combine: number;
}

/** Header of a low-latency message: one 16-byte word with the token's number at its source (DeepEP, `internode_ll.cu`). */
const LOW_LATENCY_HEADER_BYTES = 16;

/**
 * DeepEP's normal kernels: a token goes to each destination once, whatever it selects there.
 * @param sends for InfiniBand the (token, node) pairs, for NVLink the (token, rank) pairs. DeepEP's own GB/s count
 *   the source's node and rank among them; hops (model/layer-tally.ts) do not, since nothing leaves there.
 */
export function normalExchangeBytes(model: MoeModel, sends: number): ExchangeBytes {
  return { dispatch: sends * tokenBytes(model), combine: sends * model.expertHidden * BF16_BYTES };
}

/**
 * DeepEP's low-latency kernels: every selection is a message of its own, and two to the same rank are two messages
 * (7,408 bytes out and 14,336 back at hidden 7168 in FP8).
 */
export function lowLatencyExchangeBytes(model: MoeModel, selections: number): ExchangeBytes {
  return {
    dispatch: selections * (tokenBytes(model) + LOW_LATENCY_HEADER_BYTES),
    combine: selections * model.expertHidden * BF16_BYTES,
  };
}

/** In FP8 one byte a value and an FP32 scale per block. */
function tokenBytes({ expertHidden: values, precision }: MoeModel): number {
  return precision.dispatch === "fp8"
    ? values + Math.ceil(values / FP8_SCALE_BLOCK) * 4
    : values * BF16_BYTES;
}
