/** Layers of a signature; more tell requests apart no better, and cost as much more. */
const MOST_LAYERS = 8;

/** What signatures of a model's requests are made of. */
export interface SignatureShape {
  /** Rows of the model's MoE layers, ascending. */
  readonly layers: readonly number[];
  readonly experts: number;
  /** Layers × experts. */
  readonly width: number;
  /** Tokens of a step that reads every expert about once: what requests are told apart by best, whatever steps have. */
  readonly tellingBatch: number;
}

/** @param layers that route to experts */
export function signatureShape(layers: number, experts: number, topk: number): SignatureShape {
  const count = Math.min(layers, MOST_LAYERS);
  return {
    layers: Array.from({ length: count }, (_, i) => Math.floor((i * layers) / count)),
    experts,
    width: count * experts,
    tellingBatch: Math.max(2, Math.round(experts / topk)),
  };
}
