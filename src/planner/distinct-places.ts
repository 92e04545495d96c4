import type { MoeModel } from "../model/moe-model.ts";

/**
 * Places other than its own that a token reaches among so many alike ones (GPUs, nodes), which hold equal runs of the experts,
 * on average: top-k choices as likely everywhere, or everywhere within the groups that its gate keeps.
 */
export function distinctPlaces(
  { topk, groups, topkGroups }: Pick<MoeModel, "topk" | "groups" | "topkGroups">,
  places: number,
): number {
  if (places === 1) return 0;
  if (groups === 1) return away(places, topk, places);
  if (groups > places) {
    // A place is reached where it has one of the groups that are kept, whose experts hardly ever are all passed over.
    const each = groups / places;
    let none = 1;
    for (let i = 0; i < each; i++) none *= Math.max(0, groups - topkGroups - i) / (groups - i);
    return places * (1 - none) * (1 - 1 / places);
  }
  return away((places * topkGroups) / groups, topk, places);
}

function away(open: number, topk: number, places: number): number {
  return open * (1 - (1 - 1 / open) ** topk) * (1 - 1 / places);
}
