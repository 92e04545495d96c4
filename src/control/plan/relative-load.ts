import { type ExpertLoad, layerLoad } from "../../model/load.ts";

/** `[layers][experts]`: every load relative to its layer's mean, two decimals; zeros in a layer without load. */
export function relativeLoad(load: ExpertLoad): number[][] {
  return Array.from({ length: load.layers }, (_, layer) => relativeRow(layerLoad(load, layer)));
}

function relativeRow(row: Float64Array): number[] {
  let sum = 0;
  for (const tokens of row) sum += tokens;
  const scale = sum === 0 ? 0 : row.length / sum;
  return Array.from(row, (tokens) => Math.round(tokens * scale * 100) / 100);
}
