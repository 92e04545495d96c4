import type { Counted } from "../counted.ts";
import type { Family } from "../family.ts";
import type { Readings } from "../readings.ts";
import { balanceFamilies } from "./balance.ts";
import { controlFamilies } from "./control.ts";
import { discoveryFamilies } from "./discovery.ts";
import { engineFamilies } from "./engines.ts";
import { localityFamilies } from "./locality.ts";
import { processFamilies } from "./process.ts";
import { shadowFamilies } from "./shadow.ts";
import { captureFamilies, shardFamilies } from "./shards.ts";
import { tokenFamilies, trafficFamilies } from "./traffic.ts";

/** All but those of single experts, and histograms. */
export function everyFamily(counted: Counted, readings: Readings): readonly Family[] {
  return [
    ...trafficFamilies(counted),
    ...tokenFamilies(counted),
    ...shadowFamilies(counted),
    ...shardFamilies(readings),
    ...localityFamilies(readings),
    ...captureFamilies(readings),
    ...balanceFamilies(readings),
    ...engineFamilies(readings),
    ...controlFamilies(readings),
    ...discoveryFamilies(readings),
    ...processFamilies(readings),
  ];
}
