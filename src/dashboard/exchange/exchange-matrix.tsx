import { useMemo } from "preact/hooks";
import { relativeScale } from "../experts/map-scale.ts";
import type { Cell } from "../grid/cell.ts";
import { CellGrid } from "../grid/cell-grid.tsx";
import { useCursor } from "../grid/use-cursor.ts";
import type { PoolReport } from "../live/wire.ts";
import { useDark } from "../page/use-dark.ts";
import type { Exchange } from "./exchange.ts";
import {
  type Matrix,
  type PairMeasure,
  heaviestBetween,
  pairText,
  relativePairs,
} from "./exchange-figures.ts";
import { pairTicks } from "./pair-ticks.ts";

interface Properties {
  readonly exchange: Exchange;
  readonly matrix: Matrix;
  readonly measure: PairMeasure;
  readonly topology: PoolReport["topology"];
  /** Chooses a pair of nodes to look into; null where there is nothing in them to see. */
  readonly lookInto: ((pair: Cell) => void) | null;
}

/** A row for each source and a column for each destination of the whole pool. */
export function ExchangeMatrix({ exchange, matrix, measure, topology, lookInto }: Properties) {
  const { by, units } = exchange;
  const dark = useDark();
  const scale = useMemo(() => relativeScale(dark, "load"), [dark]);
  const values = useMemo(() => relativePairs(matrix), [matrix]);
  const cursor = useCursor(units, units);
  const said = (cell: Cell) => pairText(exchange, topology, measure, matrix, cell);
  const heaviest = heaviestBetween(matrix);
  const most = heaviest === null ? "Nothing goes from one to another." : `Most goes from ${said(heaviest)}.`;
  const apart = by === "gpu" ? topology.gpusPerNode : 1;
  const ticks = pairTicks(
    Array.from({ length: units }, (_, unit) => unit),
    apart,
  );
  const between = by === "gpu" ? Array.from({ length: topology.nodes - 1 }, (_, i) => (i + 1) * apart) : [];
  const name = by === "gpu" ? "GPUs" : "nodes";
  const keys = lookInto === null ? "" : " Enter shows the GPUs of a pair.";
  return (
    <CellGrid
      name="pairs"
      values={values}
      scale={scale}
      ticks={{ rows: ticks, columns: ticks }}
      lines={{ rows: between, columns: between }}
      cursor={cursor}
      {...(lookInto === null ? {} : { choose: lookInto })}
      said={said}
      tips={false}
      role="matrix"
      label={`Who sends to whom: ${units} ${name} by ${units}, rows are sources. ${most} Arrow keys read single pairs.${keys}`}
    >
      <p class="side-name rows">from</p>
      <p class="side-name columns">to</p>
      <p class="readout">{cursor.cell === null ? most : said(cursor.cell)}</p>
    </CellGrid>
  );
}
