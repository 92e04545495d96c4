import type { Cell } from "../grid/cell.ts";
import { CellGrid } from "../grid/cell-grid.tsx";
import { useCursor } from "../grid/use-cursor.ts";
import type { HeatMapView } from "./heat-map-view.ts";
import type { HeldExpert } from "./placed-experts.ts";
import type { ShownMap } from "./shown-map.ts";
import { expertTicks, layerTicks } from "./ticks.ts";

type Pointed = Pick<HeldExpert, "layer" | "expert">;

interface Properties {
  readonly shown: ShownMap;
  /** The layer of each row. */
  readonly numbers: readonly number[];
  /** What is pointed at elsewhere; null for nothing. */
  readonly pointed: Pointed | null;
  readonly pointAt: (expert: Pointed | null) => void;
}

/** A heat map's cells: what is pointed at here is marked elsewhere, and the other way round. */
export function MapCells({ shown, numbers, pointed, pointAt }: Properties) {
  const { values, scale, columnName, lead } = shown;
  const [rows, columns] = [values.length, values[0].length];
  const cursor = useCursor(rows, columns);
  const point = (cell: Cell | null) => {
    cursor.point(cell);
    const to = cell === null ? null : expertIn(shown, cell);
    if (to?.layer !== pointed?.layer || to?.expert !== pointed?.expert) pointAt(to);
  };
  const elsewhere =
    pointed === null || cursor.cell !== null || pointed.layer >= rows
      ? []
      : shown.columnsOf(pointed.layer, pointed.expert).map((column) => ({ row: pointed.layer, column }));
  return (
    <CellGrid
      name="heat-map"
      values={values}
      scale={scale}
      ticks={{ rows: layerTicks(numbers), columns: expertTicks(columns) }}
      cursor={cursor}
      point={point}
      marks={elsewhere}
      said={shown.said}
      tips
      role="heat map"
      label={`${columns} ${columnName} in ${rows} layers. ${lead} Arrow keys read single ones.`}
    >
      <p class="axis-name">
        Rows are the layers that route, columns {columnName}. {lead}
      </p>
    </CellGrid>
  );
}

function expertIn(view: HeatMapView, { row, column }: Cell): Pointed | null {
  const expert = view.expertAt(row, column);
  return expert < 0 ? null : { layer: row, expert };
}
