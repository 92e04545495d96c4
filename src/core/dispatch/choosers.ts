import { Rng } from "../../lib/rng.ts";
import { ActivationChooser } from "./activation-chooser.ts";
import { EvenChooser } from "./even-chooser.ts";
import type { DispatchPolicy } from "../../model/dispatch-policy.ts";
import { DEFAULT_HOP_PRICES, PricedChooser } from "./priced-chooser.ts";
import { RandomChooser } from "./random-chooser.ts";
import type { ReplicaChooser } from "./replica-chooser.ts";
import type { ReplicaMap } from "../../model/replica-map.ts";
import { rankTable } from "../tables/rank-table.ts";
import { staticTable } from "../tables/static-table.ts";
import { TableChooser } from "./table-chooser.ts";

/**
 * The chooser of a policy.
 * @param seed steers `static` and `random`; the other policies have nothing random
 */
export function replicaChooser(policy: DispatchPolicy, map: ReplicaMap, seed: number): ReplicaChooser {
  switch (policy) {
    case "priced":
      return new PricedChooser(map, DEFAULT_HOP_PRICES);
    case "activation":
      return new ActivationChooser(map, DEFAULT_HOP_PRICES);
    case "even":
      return new EvenChooser(map);
    case "static":
      return new TableChooser(staticTable(map.placement, map.replicas, new Rng(seed)));
    case "table":
      return new TableChooser(rankTable(map));
    case "random":
      return new RandomChooser(map, new Rng(seed));
  }
}
