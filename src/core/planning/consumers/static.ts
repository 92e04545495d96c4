import { Rng } from "../../../lib/rng.ts";
import { gpuCount } from "../../../model/topology.ts";
import { staticTable } from "../../tables/static-table.ts";
import type { Consumer, ToSplit } from "./consumer.ts";
import { madeForOthers } from "./made-for-others.ts";
import { tableParts } from "./table-parts.ts";

/** SGLang's own seed; its order is another generator's, so that parts agree in numbers of ranks, not rank by rank. */
const SEED = 42;

const split = ({ placement, replicas }: ToSplit) => {
  const values = tableParts(placement, staticTable(placement, replicas, new Rng(SEED)));
  return { values, prices: new Float64Array(placement.layers * gpuCount(placement.topology)) };
};

/** A replica near each source rank, whatever the load. */
export const staticConsumer: Consumer = {
  dispatch: "static",
  follows: false,
  split,
  ...madeForOthers({ split }),
};
