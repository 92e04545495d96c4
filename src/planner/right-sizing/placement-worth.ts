import { countMovedSlots } from "../../core/migration/moves.ts";
import type { Plan } from "../../core/planning/plan.ts";
import { Predictor } from "../../core/planning/prediction.ts";
import { partOfModel } from "../../model/engine-shape.ts";
import type { ExpertLoad } from "../../model/load.ts";
import type { Placement } from "../../model/placement.ts";
import type { Topology } from "../../model/topology.ts";
import { engineShape } from "../layout.ts";
import { type Placing, placedAnew, sharedAnew } from "./placed-anew.ts";
import type { RunningPool } from "./running-unit.ts";

/** What the placement in force makes of the load that is measured, and what others would make of it. */
export interface PlacementWorth {
  /** Σ mean over Σ maximum of the GPUs' loads: now; with shares anew; placed anew. */
  readonly now: number;
  readonly shares: number;
  readonly anew: number;
  /** More tokens a second, in parts of those now: 0.1 is a tenth. */
  readonly sharesGain: number;
  readonly anewGain: number;
  readonly movedSlots: number;
}

/** Plans for experts, judged by how long their pool takes for a token of the load that is measured. */
export class PlacementJudge {
  readonly #pool: RunningPool;
  readonly #predictor: Predictor;

  constructor(pool: RunningPool) {
    const { model, type, unit } = pool;
    this.#pool = pool;
    const part = partOfModel(model, engineShape(unit.layout.decode));
    this.#predictor = new Predictor(part, unit.policy, type.hardware);
  }

  /** Null where the load or the placement is not known. */
  worth(): PlacementWorth | null {
    const { load, unit } = this.#pool;
    const now = unit.begins;
    if (load === null || now === null) return null;
    const solved = this.solved(now.placement.topology, now);
    const reshared = this.#judged(this.#shared(now.placement));
    const anew = this.#judged(solved);
    // Where every batch has its own shares, published ones say little.
    const before = unit.policy.dispatch === "priced" ? reshared : this.#judged(now);
    return {
      now: before.balancedness,
      shares: reshared.balancedness,
      anew: anew.balancedness,
      sharesGain: before.cost / reshared.cost - 1,
      anewGain: before.cost / anew.cost - 1,
      movedSlots: countMovedSlots(now.placement, solved.placement).slots,
    };
  }

  /** A placement for the load that is measured. @param previous which replicas stay beside as far as may be; null for any */
  solved(topology: Topology, previous: Plan | null): Plan {
    return placedAnew(this.#placing, topology, previous?.placement ?? null);
  }

  #shared(placement: Placement): Plan {
    return sharedAnew(this.#placing, placement);
  }

  get #placing(): Placing {
    const { model, unit } = this.#pool;
    return { model, load: this.#load, consumer: unit.policy.consumer };
  }

  get #load(): ExpertLoad {
    const { load } = this.#pool;
    if (load === null) throw new Error("nothing is known of the load");
    return load;
  }

  #judged(plan: Plan): { readonly balancedness: number; readonly cost: number } {
    return this.#predictor.predict(plan, this.#load, [], null);
  }
}
