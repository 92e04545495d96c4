import { useLayoutEffect, useRef } from "preact/hooks";
import type { HeatMapView } from "./heat-map-view.ts";
import { paintLoad } from "./paint-load.ts";
import type { HeldExpert } from "./placed-experts.ts";
import type { ShownMap } from "./shown-map.ts";
import { type Tick, expertTicks, layerTicks } from "./ticks.ts";
import type { Cell } from "./cell.ts";
import { useCursor } from "./use-cursor.ts";

type Pointed = Pick<HeldExpert, "layer" | "expert">;

interface Properties {
  readonly shown: ShownMap;
  /** The layer of each row. */
  readonly numbers: readonly number[];
  /** What is pointed at elsewhere; null for nothing. */
  readonly pointed: Pointed | null;
  readonly pointAt: (expert: Pointed | null) => void;
}

/** One canvas pixel for each cell, stretched by the browser, and a cursor over them. */
export function MapCells({ shown, numbers, pointed, pointAt }: Properties) {
  const { values, scale, columnName, lead } = shown;
  const canvas = useRef<HTMLCanvasElement>(null);
  const [rows, columns] = [values.length, values[0].length];
  const cursor = useCursor(rows, columns);
  useLayoutEffect(() => paintLoad(canvas.current as HTMLCanvasElement, values, scale), [values, scale]);
  const point = (cell: Cell | null) => {
    cursor.point(cell);
    const to = cell === null ? null : expertIn(shown, cell);
    if (to?.layer !== pointed?.layer || to?.expert !== pointed?.expert) pointAt(to);
  };
  const place = cursor.cell;
  const words = place === null ? "" : shown.said(place);
  const elsewhere =
    pointed === null || place !== null || pointed.layer >= rows
      ? []
      : shown.columnsOf(pointed.layer, pointed.expert).map((column) => ({ row: pointed.layer, column }));
  return (
    <div class="heat-map">
      <Ticks side="rows" count={rows} ticks={layerTicks(numbers)} />
      <div
        class="heat-map-cells"
        tabIndex={0}
        role="group"
        aria-roledescription="heat map"
        aria-label={`${columns} ${columnName} in ${rows} layers. ${lead} Arrow keys read single ones.`}
        onKeyDown={cursor.onKeyDown}
        onBlur={() => point(null)}
        onPointerMove={(event) => point(cellAt(event, rows, columns))}
        onPointerLeave={() => point(null)}
      >
        <canvas ref={canvas} width={columns} height={rows} style={{ "--layers": rows }} />
        {elsewhere.map((cell) => (
          <Frame key={cell.column} cell={cell} layers={rows} experts={columns} />
        ))}
        {place !== null && <PointedCell cell={place} layers={rows} experts={columns} words={words} />}
        <p class="unseen" aria-live="polite">
          {cursor.byKeys && words}
        </p>
      </div>
      <Ticks side="columns" count={columns} ticks={expertTicks(columns)} />
      <p class="axis-name">
        Rows are the layers that route, columns {columnName}. {lead}
      </p>
    </div>
  );
}

function expertIn(view: HeatMapView, { row, column }: Cell): Pointed | null {
  const expert = view.expertAt(row, column);
  return expert < 0 ? null : { layer: row, expert };
}

function cellAt(event: PointerEvent, rows: number, columns: number): Cell {
  const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
  const within = (at: number, length: number, count: number) =>
    Math.min(count - 1, Math.max(0, Math.floor((at / length) * count)));
  return {
    row: within(event.clientY - box.top, box.height, rows),
    column: within(event.clientX - box.left, box.width, columns),
  };
}

interface PointedProperties {
  readonly cell: Cell;
  readonly layers: number;
  readonly experts: number;
  readonly words: string;
}

/** The frame of a cell that is pointed at elsewhere. */
function Frame({ cell, layers, experts }: Omit<PointedProperties, "words">) {
  const left = `${(cell.column / experts) * 100}%`;
  const top = `${(cell.row / layers) * 100}%`;
  return (
    <div class="pointed" style={{ left, top, width: `${100 / experts}%`, height: `${100 / layers}%` }} />
  );
}

/** The cell's frame and its words, on the side that has room. */
function PointedCell({ cell, layers, experts, words }: PointedProperties) {
  const left = `${(cell.column / experts) * 100}%`;
  const top = `${(cell.row / layers) * 100}%`;
  const sides = `${cell.column > experts / 2 ? "to-left" : "to-right"} ${cell.row > layers / 2 ? "above" : "below"}`;
  return (
    <div class="pointed" style={{ left, top, width: `${100 / experts}%`, height: `${100 / layers}%` }}>
      <span class={`tip ${sides}`}>{words}</span>
    </div>
  );
}

/** Numbers along one side of the map; positions are fractions of it. */
function Ticks({
  side,
  count,
  ticks,
}: {
  readonly side: "rows" | "columns";
  readonly count: number;
  readonly ticks: readonly Tick[];
}) {
  const edge = side === "rows" ? "top" : "left";
  return (
    <div class={`ticks ${side}`} aria-hidden="true">
      {ticks.map(({ at, number }) => (
        <span key={number} style={{ [edge]: `${((at + 0.5) / count) * 100}%` }}>
          {number}
        </span>
      ))}
    </div>
  );
}
