import { useState } from "preact/hooks";
import type { Cell } from "./cell.ts";

export interface Cursor {
  /** The cell pointed at, by mouse or keys; null for none. */
  readonly cell: Cell | null;
  /** Whether the keys put it there: only then is it read aloud. */
  readonly byKeys: boolean;
  readonly point: (cell: Cell | null) => void;
  readonly onKeyDown: (event: KeyboardEvent) => void;
}

/** A cursor over a grid: arrow keys move it by one, Home and End along the row, Escape takes it away. */
export function useCursor(rows: number, columns: number): Cursor {
  const [placed, set] = useState<Pick<Cursor, "cell" | "byKeys">>({ cell: null, byKeys: false });
  // Another pool's grid may be smaller.
  const cell =
    placed.cell !== null && placed.cell.row < rows && placed.cell.column < columns ? placed.cell : null;
  return {
    cell,
    byKeys: placed.byKeys,
    // Within a cell there is nothing new to show.
    point: (to) => set((before) => (isSame(before.cell, to) ? before : { cell: to, byKeys: false })),
    onKeyDown: (event) => {
      const to = moved(cell ?? { row: 0, column: 0 }, event.key, rows, columns);
      if (to === undefined) return;
      event.preventDefault();
      set({ cell: to, byKeys: true });
    },
  };
}

function isSame(one: Cell | null, other: Cell | null): boolean {
  return one?.row === other?.row && one?.column === other?.column;
}

/** Where a key leads; undefined for keys that mean nothing here. */
function moved(from: Cell, key: string, rows: number, columns: number): Cell | null | undefined {
  const { row, column } = from;
  switch (key) {
    case "ArrowLeft":
      return { row, column: Math.max(0, column - 1) };
    case "ArrowRight":
      return { row, column: Math.min(columns - 1, column + 1) };
    case "ArrowUp":
      return { row: Math.max(0, row - 1), column };
    case "ArrowDown":
      return { row: Math.min(rows - 1, row + 1), column };
    case "Home":
      return { row, column: 0 };
    case "End":
      return { row, column: columns - 1 };
    case "Escape":
      return null;
    default:
      return undefined;
  }
}
