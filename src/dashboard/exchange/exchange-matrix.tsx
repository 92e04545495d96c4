import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { shades } from "../experts/colour-scale.ts";
import { useCursor } from "../experts/use-cursor.ts";
import type { PoolReport } from "../live/wire.ts";
import { useDark } from "../page/use-dark.ts";
import type { Exchange } from "./exchange.ts";
import { type Matrix, type PairMeasure, heaviestBetween, pairText } from "./exchange-figures.ts";
import { paintMatrix } from "./paint-matrix.ts";

/** Numbers along a side at most. */
const MOST_TICKS = 10;

interface Properties {
  readonly exchange: Exchange;
  readonly matrix: Matrix;
  readonly measure: PairMeasure;
  readonly topology: PoolReport["topology"];
}

/** A row for each source and a column for each destination, one canvas pixel each, stretched by the browser. */
export function ExchangeMatrix({ exchange, matrix, measure, topology }: Properties) {
  const { by, units } = exchange;
  const dark = useDark();
  const table = useMemo(() => shades(dark), [dark]);
  const canvas = useRef<HTMLCanvasElement>(null);
  const cursor = useCursor(units, units);
  useLayoutEffect(() => paintMatrix(canvas.current as HTMLCanvasElement, matrix, table), [matrix, table]);
  const said = (cell: { readonly row: number; readonly column: number }) =>
    pairText(exchange, topology, measure, matrix, cell);
  const place = cursor.cell;
  const words = place === null ? null : said(place);
  const heaviest = heaviestBetween(matrix);
  const most = heaviest === null ? "Nothing goes from one to another." : `Most goes from ${said(heaviest)}.`;
  const apart = by === "gpu" ? topology.gpusPerNode : 1;
  const ticks = ticksOf(units, apart);
  const name = by === "gpu" ? "GPUs" : "nodes";
  const part = (at: number) => `${(at / units) * 100}%`;
  return (
    <div class="exchange-matrix">
      <p class="side-name rows">from</p>
      <p class="side-name columns">to</p>
      <div class="ticks rows" aria-hidden="true">
        {ticks.map((at) => (
          <span key={at} style={{ top: part(at + 0.5) }}>
            {at}
          </span>
        ))}
      </div>
      <div
        class="pairs"
        tabIndex={0}
        role="group"
        aria-roledescription="matrix"
        aria-label={`Who sends to whom: ${units} ${name} by ${units}, rows are sources. ${most} Arrow keys read single pairs.`}
        onKeyDown={cursor.onKeyDown}
        onBlur={() => cursor.point(null)}
        onPointerMove={(event) => {
          const box = event.currentTarget.getBoundingClientRect();
          const at = (distance: number, length: number) =>
            Math.min(units - 1, Math.max(0, Math.floor((distance / length) * units)));
          const row = at(event.clientY - box.top, box.height);
          cursor.point({ row, column: at(event.clientX - box.left, box.width) });
        }}
        onPointerLeave={() => cursor.point(null)}
      >
        <canvas ref={canvas} width={units} height={units} />
        {by === "gpu" &&
          Array.from({ length: topology.nodes - 1 }, (_, i) => part((i + 1) * apart)).map((at) => (
            <>
              <i class="between rows" key={`r${at}`} style={{ top: at }} />
              <i class="between columns" key={`c${at}`} style={{ left: at }} />
            </>
          ))}
        {place !== null && (
          <>
            <i class="of-cursor rows" style={{ top: part(place.row), height: part(1) }} />
            <i class="of-cursor columns" style={{ left: part(place.column), width: part(1) }} />
            <div
              class="pointed"
              style={{ left: part(place.column), top: part(place.row), width: part(1), height: part(1) }}
            />
          </>
        )}
        <p class="unseen" aria-live="polite">
          {cursor.byKeys && words}
        </p>
      </div>
      <div class="ticks columns" aria-hidden="true">
        {ticks.map((at) => (
          <span key={at} style={{ left: part(at + 0.5) }}>
            {at}
          </span>
        ))}
      </div>
      <p class="readout">{words ?? most}</p>
    </div>
  );
}

/** Where a node begins, or every so many nodes. */
function ticksOf(units: number, apart: number): number[] {
  let every = apart;
  while (units / every > MOST_TICKS) every *= apart === 1 && every === 1 ? 5 : 2;
  return Array.from({ length: Math.ceil(units / every) }, (_, i) => i * every);
}
