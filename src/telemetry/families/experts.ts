import { type Family, gauge } from "../family.ts";
import type { Readings } from "../readings.ts";

/** A series for every expert of every layer: thousands for each pool, only for who asks for them. */
export function expertFamilies({ pools, placed }: Pick<Readings, "pools" | "placed">): Family[] {
  return [
    gauge(
      "plimsoll_expert_load_ratio",
      ["pool", "layer", "expert"],
      "An expert's tracked load over an even part of its layer's",
      (observe) => {
        for (const { pool, expertLoad, layerNumbers } of pools())
          for (const [row, loads] of expertLoad.entries()) {
            const layer = String(layerNumbers[row] ?? row);
            for (const [expert, load] of loads.entries()) observe(load, pool, layer, String(expert));
          }
      },
    ),
    gauge(
      "plimsoll_expert_replicas",
      ["pool", "layer", "expert"],
      "Replicas of an expert in the placement in force",
      (observe) => {
        for (const { pool, layerNumbers, layers, experts, replicasOf } of placed())
          for (let row = 0; row < layers; row++) {
            const layer = String(layerNumbers[row] ?? row);
            for (let expert = 0; expert < experts; expert++)
              observe(replicasOf(row, expert), pool, layer, String(expert));
          }
      },
    ),
  ];
}
