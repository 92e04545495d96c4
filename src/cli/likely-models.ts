import { shippedModels } from "../config/shapes.ts";
import { consecutive } from "../model/layer-numbers.ts";
import { type ExpertLoad, countingRow } from "../model/load.ts";
import type { Output } from "./output.ts";

/** Names the models that a load of no known model can be of, where it has rows for their layers without experts. */
export async function sayLikelyModels(load: ExpertLoad, path: string, say: Output): Promise<void> {
  const rows = consecutive(0, load.layers);
  if (rows.every((row) => countingRow(load, [row]) >= 0)) return;
  const likely = (await shippedModels()).filter(
    ({ layers, experts, denseLayers }) =>
      layers === load.layers &&
      experts === load.experts &&
      denseLayers.length > 0 &&
      countingRow(load, denseLayers) < 0,
  );
  if (likely.length === 0) return;
  const names = likely.map(({ name }) => name).join(" or ");
  say.progress(`${path}: all ${load.layers} rows are taken; if it is of ${names}, name it with --model`);
}
