import type { Hardware } from "../../core/cost/hardware.ts";
import { Rng } from "../../lib/rng.ts";
import type { DispatchPolicy } from "../../model/dispatch-policy.ts";
import type { Fidelity } from "../../model/fidelity.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import type { ReplicaMap } from "../../model/replica-map.ts";
import type { RoutingSource } from "../routing-source.ts";
import { AnalyticPass } from "./analytic-pass.ts";
import { ExactPass } from "./exact-pass.ts";
import { ExpertProfiles } from "./expert-profiles.ts";
import type { ForwardPass } from "./forward-pass.ts";
import { LayerTurns } from "./layer-turns.ts";
import { NormalTable } from "./normal-table.ts";
import { SampledPass } from "./sampled-pass.ts";

export interface PassOptions {
  readonly model: MoeModel;
  readonly hardware: Hardware;
  readonly routing: RoutingSource;
  readonly dispatch: DispatchPolicy;
  readonly fidelity: Fidelity;
  readonly seed: number;
}

/** Makes the forward passes of one pool, a new one for each replica map; what outlives a map is here. */
export class ForwardPasses {
  readonly #options: PassOptions;
  readonly #turns: LayerTurns;
  readonly #profiles: ExpertProfiles;
  readonly #normals: NormalTable;

  constructor(options: PassOptions) {
    const layers = options.model.moeLayers.length;
    this.#options = options;
    this.#turns = new LayerTurns(layers);
    this.#profiles = new ExpertProfiles(options.routing, layers, options.model.experts);
    this.#normals = new NormalTable(new Rng(options.seed, 7));
  }

  by(map: ReplicaMap): ForwardPass {
    const options = { ...this.#options, map };
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
