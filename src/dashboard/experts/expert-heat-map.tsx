import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { gradient, LEAST_OCTAVE, MOST_OCTAVE, shades } from "./colour-scale.ts";
import { fullest } from "../figures/averages.ts";
import { paintLoad } from "./paint-load.ts";
import { Panel } from "../page/panel.tsx";
import { expertTicks, layerTicks, type Tick } from "./ticks.ts";
import { type Cell, useCursor } from "./use-cursor.ts";
import { useDark } from "../page/use-dark.ts";

interface Properties {
  /** `[rows][experts]`, relative to uniform. */
  readonly load: readonly (readonly number[])[];
  /** The layer of the model that each row is of; empty where that is not known. */
  readonly numbers: readonly number[];
}

/** MoE layers × experts, one canvas pixel per expert, stretched by the browser. */
export function ExpertHeatMap({ load, numbers }: Properties) {
  const layers = load.length;
  const experts = load[0].length;
  const dark = useDark();
  const table = useMemo(() => shades(dark), [dark]);
  const canvas = useRef<HTMLCanvasElement>(null);
  const cursor = useCursor(layers, experts);
  useLayoutEffect(() => paintLoad(canvas.current as HTMLCanvasElement, load, table), [load, table]);

  const place = cursor.cell;
  const words = place === null ? "" : said(place, load, numbers);
  const hottest = said(hottestCell(load), load, numbers);
  return (
    <Panel title="Expert load" note={<Legend colours={gradient(table)} />}>
      <div class="heat-map">
        <Ticks
          side="rows"
          count={layers}
          ticks={layerTicks(numbers.length > 0 ? numbers : [...load.keys()])}
        />
        <div
          class="heat-map-cells"
          tabIndex={0}
          role="group"
          aria-roledescription="heat map"
          aria-label={`Load of ${experts} experts in ${layers} layers. Hottest: ${hottest}. Arrow keys read single experts.`}
          onKeyDown={cursor.onKeyDown}
          onBlur={() => cursor.point(null)}
          onPointerMove={(event) => cursor.point(cellAt(event, layers, experts))}
          onPointerLeave={() => cursor.point(null)}
        >
          <canvas ref={canvas} width={experts} height={layers} style={{ "--layers": layers }} />
          {place !== null && <Pointed cell={place} layers={layers} experts={experts} words={words} />}
          <p class="unseen" aria-live="polite">
            {cursor.byKeys && words}
          </p>
        </div>
        <Ticks side="columns" count={experts} ticks={expertTicks(experts)} />
        <p class="axis-name">Rows are the layers that route, columns experts. Hottest: {hottest}</p>
      </div>
    </Panel>
  );
}

function said({ row, column }: Cell, load: Properties["load"], numbers: Properties["numbers"]): string {
  const where = numbers.length > 0 ? `layer ${numbers[row]}` : `row ${row}`;
  return `${where}, expert ${column}, ${load[row][column].toFixed(2)}×`;
}

function hottestCell(load: Properties["load"]): Cell {
  const columns = load.map(fullest);
  const row = fullest(columns.map((column, layer) => load[layer][column]));
  return { row, column: columns[row] };
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

/** The cell's frame and its words, on the side that has room. */
function Pointed({ cell, layers, experts, words }: PointedProperties) {
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

function Legend({ colours }: { readonly colours: string }) {
  const octaves = Array.from({ length: MOST_OCTAVE - LEAST_OCTAVE + 1 }, (_, i) => LEAST_OCTAVE + i);
  const last = octaves.length - 1;
  return (
    <span class="legend">
      relative to uniform
      <span class="legend-scale" style={{ background: colours }}>
        {octaves.map((octave, i) => (
          <span key={octave} style={{ left: `${(i / last) * 100}%` }}>
            {i === 0 ? "≤\u2009" : i === last ? "≥\u2009" : ""}
            {octave < 0 ? `1/${2 ** -octave}` : 2 ** octave}×
          </span>
        ))}
      </span>
    </span>
  );
}
