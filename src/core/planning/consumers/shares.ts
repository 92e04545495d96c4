import type { ExpertLoad } from "../../../model/load.ts";
import type { Placement } from "../../../model/placement.ts";
import type { PoolCapacity } from "../../../model/pool-capacity.ts";
import { changedSlots } from "../../migration/moves.ts";
import { layerBounds } from "../../placement/bounds.ts";
import { groupsTogether } from "../../placement/coactivation.ts";
import { improvePlacement } from "../../placement/improve-placement.ts";
import { loosenPlacement } from "../../placement/loosen-placement.ts";
import { placeExperts } from "../../placement/place-experts.ts";
import { withoutRepeats } from "../../placement/without-repeats.ts";
import { solveShares } from "../../shares/solve-shares.ts";
import { redoLayers } from "../redo-layers.ts";
import { bestLayers, layerMaxima } from "./best-layers.ts";
import type { Consumer, ToImprove, ToPlace, ToSplit } from "./consumer.ts";
import { even } from "./even.ts";

/** Farther above its bounds than this part, a placement made for an even split may be the more level one by shares too. */
const NEAR = { placed: 0.001, improved: 0.005 };

const split = ({ placement, replicas, load, speeds, last }: ToSplit) =>
  solveShares(placement, replicas, load, speeds, last);

/** Weighted shares, solved exactly for the load: they follow it without a moved expert. */
export const shares: Consumer = {
  dispatch: "shares",
  follows: true,
  split,
  place(request: ToPlace) {
    const { load, capacity, coactivation, scenarios = [] } = request;
    const placed = placeExperts(request);
    const knowsTokens = scenarios.length > 0 || (coactivation !== null && coactivation.sample.tokens > 0);
    if (knowsTokens || isNear(placed, load, capacity, NEAR.placed)) return placed;
    const levelled = withoutRepeats(even.place(request), load, capacity);
    return bestLayers({ split }, [placed, levelled], load, capacity.speeds);
  },
  improve(question: ToImprove, most: number) {
    const { placement, load, topology, capacity, groups } = question;
    const adapted = improvePlacement(placement, load, capacity, most);
    const moves = Math.max(0, most - changedSlots(placement, adapted));
    const coactivation = groupsTogether(groups, topology);
    const redone = redoLayers({ inForce: placement, adapted, load, capacity, moves }, (some) =>
      placeExperts({ load: some, topology, capacity, coactivation }),
    );
    // Where nothing had to move, nothing does.
    const loose = (one: Placement) => {
      const changed = changedSlots(placement, one);
      return changed === 0 ? one : loosenPlacement(placement, one, load, capacity, most - changed);
    };
    if (groups > 1 || most === 0 || isNear(redone, load, capacity, NEAR.improved)) return loose(redone);
    const levelled = withoutRepeats(even.improve(question, most), load, capacity, placement);
    return loose(total(levelled, load, capacity) < total(redone, load, capacity) ? levelled : redone);
  },
};

function isNear(placement: Placement, load: ExpertLoad, capacity: PoolCapacity, part: number): boolean {
  const bounds = layerBounds(load, capacity).reduce((sum, { value }) => sum + value, 0);
  return total(placement, load, capacity) <= bounds * (1 + part);
}

/** Σ over layers of the maximum GPU load / speed. */
function total(placement: Placement, load: ExpertLoad, { speeds }: PoolCapacity): number {
  return layerMaxima({ split }, placement, load, speeds).reduce((sum, max) => sum + max, 0);
}
