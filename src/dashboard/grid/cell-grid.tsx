import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Cell } from "./cell.ts";
import { paintCells } from "./paint-cells.ts";
import type { Shading } from "./shading.ts";
import type { Tick } from "./tick.ts";
import type { Cursor } from "./use-cursor.ts";

interface Properties {
  /** The class of what it lies in, and of the cells: `heat-map` and `heat-map-cells`. */
  readonly name: string;
  /** `[rows][columns]`; NaN for what is not known. */
  readonly values: readonly (readonly number[])[];
  readonly scale: Shading;
  readonly ticks: { readonly rows: readonly Tick[]; readonly columns: readonly Tick[] };
  /** Rows and columns before which a line parts them. */
  readonly lines?: { readonly rows: readonly number[]; readonly columns: readonly number[] };
  readonly cursor: Cursor;
  /** By the mouse, in place of the cursor's own. */
  readonly point?: (cell: Cell | null) => void;
  /** By a click, or Enter where the cursor is; absent where nothing is chosen. */
  readonly choose?: (cell: Cell) => void;
  /** Escape, where there is no cursor to take away. */
  readonly leave?: () => void;
  /** Cells with a frame, as the one pointed at has. */
  readonly marks?: readonly Cell[];
  /** One cell, for a person. */
  readonly said: (cell: Cell) => string;
  /** Whether that stands beside the cell; else its row and column are marked, and it is said elsewhere. */
  readonly tips: boolean;
  readonly role: string;
  readonly label: string;
  /** Above and below the cells. */
  readonly children?: ComponentChildren;
}

/** One canvas pixel for each cell, stretched by the browser, with numbers along two sides and a cursor over it. */
export function CellGrid(properties: Properties) {
  const { name, values, scale, ticks, lines, cursor, point, choose, leave, said, role, label } = properties;
  const { marks = [], tips, children } = properties;
  const canvas = useRef<HTMLCanvasElement>(null);
  const [rows, columns] = [values.length, values[0].length];
  useLayoutEffect(() => paintCells(canvas.current as HTMLCanvasElement, values, scale), [values, scale]);
  const to = point ?? cursor.point;
  const place = cursor.cell;
  const words = place === null ? "" : said(place);
  const size = { rows, columns };
  return (
    <div class={name}>
      <Ticks side="rows" count={rows} ticks={ticks.rows} />
      <div
        class={choose === undefined ? `${name}-cells` : `${name}-cells chosen-from`}
        tabIndex={0}
        role="group"
        aria-roledescription={role}
        aria-label={label}
        onKeyDown={(event) => {
          if (event.key === "Enter" && place !== null) choose?.(place);
          else if (event.key === "Escape" && place === null) leave?.();
          else cursor.onKeyDown(event);
        }}
        onBlur={() => to(null)}
        onPointerMove={(event) => to(cellAt(event, size))}
        onPointerLeave={() => to(null)}
        onClick={(event) => choose?.(cellAt(event, size))}
      >
        <canvas ref={canvas} width={columns} height={rows} style={{ "--rows": rows, "--columns": columns }} />
        {lines?.rows.map((at) => (
          <i class="between rows" key={`r${at}`} style={{ top: `${(at / rows) * 100}%` }} />
        ))}
        {lines?.columns.map((at) => (
          <i class="between columns" key={`c${at}`} style={{ left: `${(at / columns) * 100}%` }} />
        ))}
        {marks.map((cell) => (
          <div class="pointed" key={`${cell.row}/${cell.column}`} style={boxOf(cell, size)} />
        ))}
        {place !== null && !tips && <Cross cell={place} size={size} />}
        {place !== null && (
          <div class="pointed" style={boxOf(place, size)}>
            {tips && <span class={`tip ${sideOf(place, size)}`}>{words}</span>}
          </div>
        )}
        <p class="unseen" aria-live="polite">
          {cursor.byKeys && words}
        </p>
      </div>
      <Ticks side="columns" count={columns} ticks={ticks.columns} />
      {children}
    </div>
  );
}

interface Size {
  readonly rows: number;
  readonly columns: number;
}

function cellAt(event: MouseEvent, { rows, columns }: Size): Cell {
  const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
  const within = (at: number, length: number, count: number) =>
    Math.min(count - 1, Math.max(0, Math.floor((at / length) * count)));
  return {
    row: within(event.clientY - box.top, box.height, rows),
    column: within(event.clientX - box.left, box.width, columns),
  };
}

function boxOf({ row, column }: Cell, { rows, columns }: Size) {
  return {
    left: `${(column / columns) * 100}%`,
    top: `${(row / rows) * 100}%`,
    width: `${100 / columns}%`,
    height: `${100 / rows}%`,
  };
}

/** Where its words have room. */
function sideOf({ row, column }: Cell, { rows, columns }: Size): string {
  return `${column > columns / 2 ? "to-left" : "to-right"} ${row > rows / 2 ? "above" : "below"}`;
}

/** A cell's row and column. */
function Cross({ cell, size }: { readonly cell: Cell; readonly size: Size }) {
  const { left, top, width, height } = boxOf(cell, size);
  return (
    <>
      <i class="of-cursor rows" style={{ top, height }} />
      <i class="of-cursor columns" style={{ left, width }} />
    </>
  );
}

/** Numbers along one side; positions are fractions of it. */
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
