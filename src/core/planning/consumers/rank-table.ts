import { solveShares } from "../../shares/solve-shares.ts";
import { rankTable } from "../../tables/rank-table.ts";
import type { Consumer, ToSplit } from "./consumer.ts";
import { madeForOthers } from "./made-for-others.ts";
import { tableParts } from "./table-parts.ts";

const split = ({ placement, replicas, load, speeds, last }: ToSplit) => {
  const solved = solveShares(placement, replicas, load, speeds, last);
  const table = rankTable({ placement, replicas, shares: solved });
  return { values: tableParts(placement, table), prices: solved.prices };
};

/** Shares in whole ranks: as near to the exact ones as a table with one replica for every rank comes. */
export const rankTableConsumer: Consumer = {
  dispatch: "rank-table",
  follows: true,
  split,
  ...madeForOthers({ split }),
};
