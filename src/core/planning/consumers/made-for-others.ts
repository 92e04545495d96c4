import { eplb } from "../../placement/eplb.ts";
import { runsEplb } from "../../placement/even/place-even.ts";
import { bestLayers, layerMaxima } from "./best-layers.ts";
import type { Consumer, ToImprove, ToPlace } from "./consumer.ts";
import { even } from "./even.ts";
import { shares } from "./shares.ts";

/**
 * Placements for a table with one replica for every source rank: of those that suit an even split, and those that suit
 * weighted shares, what the table's own split levels best.
 */
export function madeForOthers(own: Pick<Consumer, "split">): Pick<Consumer, "place" | "improve"> {
  return {
    place(request: ToPlace) {
      const { load, topology, capacity, groups } = request;
      const engines = runsEplb(topology, capacity) ? [eplb(load, topology, groups)] : [];
      const made = [shares.place(request), even.place(request), ...engines] as const;
      return bestLayers(own, made, load, capacity.speeds);
    },
    improve(question: ToImprove, most: number) {
      const { placement, load, capacity } = question;
      const maxima = (one: typeof placement) =>
        layerMaxima(own, one, load, capacity.speeds).reduce((sum, max) => sum + max, 0);
      return [placement, shares.improve(question, most), even.improve(question, most)].reduce((a, b) =>
        maxima(b) < maxima(a) ? b : a,
      );
    },
  };
}
