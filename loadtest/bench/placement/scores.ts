import { sumWindows } from "../../../src/core/load/sum-windows.ts";
import { evenShares } from "../../../src/core/shares/even-shares.ts";
import { gpuLoads } from "../../../src/core/shares/gpu-loads.ts";
import { solveShares } from "../../../src/core/shares/solve-shares.ts";
import type { ExpertLoad } from "../../../src/model/load.ts";
import { indexReplicas, type Placement } from "../../../src/model/placement.ts";
import { gpuCount, type Topology } from "../../../src/model/topology.ts";
import { eplbGlobal } from "../pools.ts";
import { Score } from "../score.ts";

/** A load to come, and what is known of it when shares are solved for it. */
export interface Upcoming {
  readonly load: ExpertLoad;
  readonly known: ExpertLoad;
  /** What the control loop would know: an average of all before it. Null where nothing came before. */
  readonly tracked: ExpertLoad | null;
}

/** `[layers][gpus]`: the loads of the GPUs under the best shares for this load. */
export function bestLoads(placement: Placement, load: ExpertLoad): Float64Array {
  return gpuLoads(placement, solveShares(placement, indexReplicas(placement), load).values, load);
}

/** One placement with its shares kept as they were, solved anew for what is known or tracked, and solved with hindsight. */
export class PlacementScores {
  readonly frozen = new Score();
  readonly resolved = new Score();
  readonly tracked = new Score();
  readonly hindsight = new Score();

  /** @param past what the frozen shares are solved for; null = even shares */
  add(placement: Placement, past: ExpertLoad | null, upcoming: readonly Upcoming[]): void {
    const replicas = indexReplicas(placement);
    const gpus = gpuCount(placement.topology);
    const shares = (load: ExpertLoad) => solveShares(placement, replicas, load).values;
    const frozen = past === null ? evenShares(placement, replicas).values : shares(past);
    for (const { load, known, tracked } of upcoming) {
      this.frozen.add(gpuLoads(placement, frozen, load), gpus);
      this.resolved.add(gpuLoads(placement, shares(known), load), gpus);
      if (tracked !== null) this.tracked.add(gpuLoads(placement, shares(tracked), load), gpus);
      this.hindsight.add(gpuLoads(placement, shares(load), load), gpus);
    }
  }
}

/** EPLB with a perfect forecast: of all that is to come together, or of each part of it. */
export class PerfectForecast {
  readonly whole = new Score();
  readonly parts = new Score();

  add(topology: Topology, upcoming: readonly Upcoming[]): void {
    const gpus = gpuCount(topology);
    const placed = (load: ExpertLoad) => {
      const placement = eplbGlobal(load, topology);
      const { values } = evenShares(placement, indexReplicas(placement));
      return (part: ExpertLoad) => gpuLoads(placement, values, part);
    };
    const whole = placed(sumWindows(upcoming.map(({ load }) => load)));
    for (const { load } of upcoming) {
      this.whole.add(whole(load), gpus);
      this.parts.add(placed(load)(load), gpus);
    }
  }
}
