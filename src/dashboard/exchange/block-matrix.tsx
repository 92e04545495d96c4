import { useMemo } from "preact/hooks";
import { relativeScale } from "../experts/map-scale.ts";
import type { Cell } from "../grid/cell.ts";
import { CellGrid } from "../grid/cell-grid.tsx";
import { useCursor } from "../grid/use-cursor.ts";
import type { PoolReport } from "../live/wire.ts";
import { useDark } from "../page/use-dark.ts";
import { type BlockFigures, blockPairText, heaviestOfBlock, relativeBlock } from "./block-figures.ts";
import { pairTicks } from "./pair-ticks.ts";

interface Properties {
  readonly figures: BlockFigures;
  readonly topology: PoolReport["topology"];
  readonly leave: () => void;
}

/** A row for each source and a column for each destination among the GPUs of some nodes. */
export function BlockMatrix({ figures, topology, leave }: Properties) {
  const { rows, columns } = figures;
  const dark = useDark();
  const scale = useMemo(() => relativeScale(dark, "load"), [dark]);
  const values = useMemo(() => relativeBlock(figures), [figures]);
  const cursor = useCursor(rows.length, columns.length);
  const said = (cell: Cell) => blockPairText(figures, topology, cell);
  const heaviest = heaviestOfBlock(figures);
  const most = heaviest === null ? "Nothing goes from one to another." : `Most goes from ${said(heaviest)}.`;
  const { gpusPerNode } = topology;
  const between = (gpus: readonly number[]) =>
    [...gpus.keys()].filter((at) => at > 0 && gpus[at] % gpusPerNode === 0);
  const shape = rows.length > columns.length ? "tall" : rows.length < columns.length ? "flat" : "square";
  return (
    <div class={`gpu-block ${shape}`}>
      <CellGrid
        name="pairs"
        values={values}
        scale={scale}
        ticks={{ rows: pairTicks(rows, gpusPerNode), columns: pairTicks(columns, gpusPerNode) }}
        lines={{ rows: between(rows), columns: between(columns) }}
        cursor={cursor}
        leave={leave}
        said={said}
        tips={false}
        role="matrix"
        label={`Who sends to whom: ${rows.length} GPUs by ${columns.length}, rows are sources. ${most} Arrow keys read single pairs, Escape goes back to nodes.`}
      >
        <p class="side-name rows">from GPU</p>
        <p class="side-name columns">to GPU</p>
        <p class="readout">{cursor.cell === null ? most : said(cursor.cell)}</p>
      </CellGrid>
    </div>
  );
}
