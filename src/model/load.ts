/** Tokens routed to each logical expert in some window. */
export interface ExpertLoad {
  readonly layers: number;
  readonly experts: number;
  /** `[layers][experts]`, row-major; finite and ≥ 0. */
  readonly tokens: Float64Array;
}

export function emptyLoad(layers: number, experts: number): ExpertLoad {
  return { layers, experts, tokens: new Float64Array(layers * experts) };
}

/** A zero-copy view of one layer's loads. */
export function layerLoad(load: ExpertLoad, layer: number): Float64Array {
  return load.tokens.subarray(layer * load.experts, (layer + 1) * load.experts);
}
