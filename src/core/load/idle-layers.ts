import type { ExpertLoad } from "../../model/load.ts";

/** Rows of the load without a token, ascending: nothing says how to place them. */
export function idleLayers({ layers, experts, tokens }: ExpertLoad): number[] {
  const idle: number[] = [];
  for (let layer = 0; layer < layers; layer++) {
    let i = layer * experts;
    while (i < (layer + 1) * experts && tokens[i] === 0) i++;
    if (i === (layer + 1) * experts) idle.push(layer);
  }
  return idle;
}

/** The load with every expert alike in layers without a token: a sound start for whatever comes there. */
export function evenWhereIdle(load: ExpertLoad): ExpertLoad {
  const idle = idleLayers(load);
  if (idle.length === 0) return load;
  const tokens = load.tokens.slice();
  for (const layer of idle) tokens.fill(1, layer * load.experts, (layer + 1) * load.experts);
  return { ...load, tokens };
}
