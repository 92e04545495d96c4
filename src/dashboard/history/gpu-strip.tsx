import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { gradient, shades } from "../experts/colour-scale.ts";
import { useCursor } from "../grid/use-cursor.ts";
import { percent, time } from "../format.ts";
import type { PoolReport } from "../live/wire.ts";
import { Panel } from "../page/panel.tsx";
import { useDark } from "../page/use-dark.ts";
import type { HeldRow } from "./gpu-history-row.ts";
import { paintStrip } from "./paint-strip.ts";
import type { Span } from "./ranges.ts";
import { type StripCells, gpuOfCell, stripCells } from "./strip-cells.ts";
import { cellOfPoint, stripHeight } from "./strip-geometry.ts";

interface Properties {
  readonly topology: PoolReport["topology"];
  readonly rows: readonly HeldRow[];
  readonly span: Span;
  /** Seconds of a row. */
  readonly step: number;
  readonly at: number | null;
  readonly gpu: number | null;
  readonly choose: (at: number, gpu: number) => void;
  /** Receives the way to paint it somewhere else. */
  readonly painter: { current: StripPainter | null };
}

/** Paints it, so many pixels wide. @param scale pixels for one */
export type StripPainter = (canvas: HTMLCanvasElement, width: number, scale: number) => void;

/** What steps waited for over time: rows are GPUs, or nodes. At one glance, when an incident began and where. */
export function GpuStrip({ topology, rows, span, step, at, gpu, choose, painter }: Properties) {
  const dark = useDark();
  const canvas = useRef<HTMLCanvasElement>(null);
  const width = useWidth(canvas);
  const table = useMemo(() => shades(dark), [dark]);
  const cells = useMemo(
    () => stripCells(topology, rows, span, step),
    [topology, rows, span.from, span.to, step],
  );
  const cursor = useCursor(cells.rows, cells.columns);
  const byNode = cells.gpusPerRow > 1;
  const marks = { ...span, at, gpu };
  const title = `What steps waited for, by ${byNode ? "node" : "GPU (node)"}`;
  const paint: StripPainter = (onto, wide, scale) => {
    const style = getComputedStyle(canvas.current as HTMLCanvasElement);
    const colour = (name: string) => style.getPropertyValue(name);
    const [ink, soft, rule] = [colour("--ink"), colour("--ink-soft"), colour("--rule")];
    paintStrip(
      onto,
      title,
      cells,
      marks,
      { ink, soft, rule, font: style.fontFamily, shades: table },
      wide,
      scale,
    );
  };
  painter.current = paint;
  useLayoutEffect(() => {
    if (canvas.current !== null && width > 0) paint(canvas.current, width, devicePixelRatio);
  }, [cells, width, table, at, gpu, span.from, span.to]);

  const place = cursor.cell;
  const words = place === null ? null : cellText(cells, place.row, place.column);
  const pick = (row: number, column: number) =>
    choose(cells.from + (column + 0.5) * cells.stepMs, gpuOfCell(cells, row, column));
  const under = (event: MouseEvent) => cellOfPoint(cells, marks, width, event.offsetX, event.offsetY);
  return (
    <Panel wide title="GPUs over time" note={<Scale colours={gradient(table)} />}>
      <div
        class="gpu-strip"
        tabIndex={0}
        role="group"
        aria-roledescription="heat map"
        aria-label={`${title}: ${cells.rows} rows, ${cells.columns} columns of time. Arrow keys read single ones, Enter chooses the moment and the GPU.`}
        onKeyDown={(event) => {
          if (event.key === "Enter" && place !== null) pick(place.row, place.column);
          else cursor.onKeyDown(event);
        }}
        onBlur={() => cursor.point(null)}
        onPointerMove={(event) => cursor.point(under(event))}
        onPointerLeave={() => cursor.point(null)}
        onClick={(event) => {
          const cell = under(event);
          if (cell !== null) pick(cell.row, cell.column);
        }}
      >
        <canvas ref={canvas} style={{ height: `${stripHeight(cells.rows)}px` }} />
      </div>
      <p class="readout">{words ?? restText(byNode)}</p>
      <p class="unseen" aria-live="polite">
        {cursor.byKeys && words}
      </p>
    </Panel>
  );
}

function Scale({ colours }: { readonly colours: string }) {
  return (
    <span class="strip-scale">
      steps took 0 % <span style={{ background: colours }} /> 50 % longer for it; hatched: lost or drained
    </span>
  );
}

function restText(byNode: boolean): string {
  const row = byNode ? "A row for each node" : "A row for each GPU";
  return `${row}: how much longer a step took for it. A click chooses the moment and ${byNode ? "its GPU" : "the GPU"}.`;
}

function cellText(cells: StripCells, row: number, column: number): string {
  const { gpusPerRow, gpusPerNode, from, stepMs, known, held, gone } = cells;
  const node = Math.floor((row * gpusPerRow) / gpusPerNode);
  const where = gpusPerRow > 1 ? `node ${node}` : `GPU ${row} on node ${node}`;
  const when = time(from + column * stepMs);
  if (known[column] === null) return `${when} · ${where}: nothing is known`;
  const most = gpusPerRow > 1 ? `, most of it for GPU ${gpuOfCell(cells, row, column)}` : "";
  const out = gone[column][row];
  const lost = out === 0 ? "" : gpusPerRow > 1 ? ` · ${out} lost or drained` : " · lost or drained";
  return `${when} · ${where}: a step took ${percent(held[column][row], 1)} longer for it${most}${lost}`;
}

/** Of an element, in px; follows it. */
function useWidth(element: { current: HTMLElement | null }): number {
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const watched = element.current as HTMLElement;
    const observer = new ResizeObserver(() => setWidth(watched.clientWidth));
    observer.observe(watched);
    return () => observer.disconnect();
  }, []);
  return width;
}
