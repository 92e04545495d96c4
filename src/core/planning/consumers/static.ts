import { Rng } from "../../../lib/rng.ts";
import { gpuCount } from "../../../model/topology.ts";
import { eplb } from "../../placement/eplb.ts";
import { staticTable } from "../../tables/static-table.ts";
import { bestLayers, layerMaxima } from "./best-layers.ts";
import type { Consumer, ToImprove, ToPlace, ToSplit } from "./consumer.ts";
import { even } from "./even.ts";
import { shares } from "./shares.ts";
import { tableParts } from "./table-parts.ts";

/** SGLang's own seed; its order is another generator's, so that parts agree in numbers of ranks, not rank by rank. */
const SEED = 42;

/** A replica near each source rank, whatever the load: what suits it best is found among what suits the others. */
export const staticConsumer: Consumer = {
  dispatch: "static",
  follows: false,
  split({ placement, replicas }: ToSplit) {
    const values = tableParts(placement, staticTable(placement, replicas, new Rng(SEED)));
    return { values, prices: new Float64Array(placement.layers * gpuCount(placement.topology)) };
  },
  place(request: ToPlace) {
    const { load, topology, capacity, groups } = request;
    const own = capacity.slots.every((slots) => slots === topology.slotsPerGpu)
      ? [eplb(load, topology, groups)]
      : [];
    return bestLayers(
      staticConsumer,
      [even.place(request), shares.place(request), ...own],
      load,
      capacity.speeds,
    );
  },
  improve(question: ToImprove, most: number) {
    const { placement, load, capacity } = question;
    const total = (one: typeof placement) =>
      layerMaxima(staticConsumer, one, load, capacity.speeds).reduce((sum, max) => sum + max, 0);
    return [placement, even.improve(question, most), shares.improve(question, most)].reduce((a, b) =>
      total(b) < total(a) ? b : a,
    );
  },
};
