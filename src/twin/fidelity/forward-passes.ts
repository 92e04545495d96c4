import { Rng } from "../../lib/rng.ts";
import type { Fidelity } from "../../model/fidelity.ts";
import type { ReplicaMap } from "../../model/replica-map.ts";
import { AnalyticPass } from "./analytic-pass.ts";
import { ExactPass } from "./exact-pass.ts";
import { type ExpertProfiles, profilesOf } from "./expert-profiles.ts";
import type { ForwardPass, PassOptions } from "./forward-pass.ts";
import { LayerTurns } from "./layer-turns.ts";
import { NormalTable } from "./normal-table.ts";
import { SampledPass } from "./sampled-pass.ts";

export interface PassesOptions extends Omit<PassOptions, "map"> {
  readonly fidelity: Fidelity;
}

/** Makes the forward passes of one pool, a new one for each replica map; what outlives a map is here. */
export class ForwardPasses {
  readonly #options: PassesOptions;
  readonly #turns: LayerTurns;
  readonly #profiles: ExpertProfiles;
  readonly #normals: NormalTable;

  constructor(options: PassesOptions) {
    const layers = options.model.moeLayers.length;
    this.#options = options;
    this.#turns = new LayerTurns(layers);
    this.#profiles = profilesOf(options.routing, layers, options.model.experts);
    this.#normals = new NormalTable(new Rng(options.seed, 7));
  }

  /** @param hardware where it is not the pool's */
  by(map: ReplicaMap, hardware = this.#options.hardware): ForwardPass {
    const options = { ...this.#options, hardware, map };
    switch (options.fidelity) {
      case "exact":
        return new ExactPass(options);
      case "sampled":
        return new SampledPass(options, this.#turns);
      case "analytic":
        return new AnalyticPass(options, this.#turns, this.#profiles, this.#normals);
    }
  }
}
