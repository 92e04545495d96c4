import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { gradient, LEAST_OCTAVE, MOST_OCTAVE, shades } from "./colour-scale.ts";
import { layerText } from "../gpus/gpu-text.ts";
import type { PoolReport } from "../live/wire.ts";
import { fullest } from "../figures/averages.ts";
import {
  HEAT_MAP_MODES,
  type HeatMapMode,
  type HeatMapView,
  expertText,
  heatMapView,
} from "./heat-map-view.ts";
import type { HeldExpert, Placed } from "./placed-experts.ts";
import { paintLoad } from "./paint-load.ts";
import { Choice } from "../page/choice.tsx";
import { Panel } from "../page/panel.tsx";
import { expertTicks, layerTicks, type Tick } from "./ticks.ts";
import { type Cell, useCursor } from "./use-cursor.ts";
import { useDark } from "../page/use-dark.ts";

interface Properties {
  readonly report: PoolReport;
  readonly placed: Placed | null;
  readonly mode: HeatMapMode;
  readonly setMode: (mode: HeatMapMode) => void;
  /** What is pointed at elsewhere; null for nothing. */
  readonly pointed: Pick<HeldExpert, "layer" | "expert"> | null;
  readonly pointAt: (expert: Pick<HeldExpert, "layer" | "expert"> | null) => void;
}

/** MoE layers × experts (or slots), one canvas pixel each, stretched by the browser. */
export function ExpertHeatMap({ report, placed, mode, setMode, pointed, pointAt }: Properties) {
  const { layerNumbers: numbers, expertLoad: load, tokensPerSecond, topk, experts } = report;
  const dark = useDark();
  const table = useMemo(() => shades(dark), [dark]);
  const canvas = useRef<HTMLCanvasElement>(null);
  const view = useMemo(() => heatMapView(mode, load, placed), [mode, load, placed]);
  const [rows, columns] = [view.values.length, view.values[0].length];
  const cursor = useCursor(rows, columns);
  useLayoutEffect(() => paintLoad(canvas.current as HTMLCanvasElement, view.values, table), [view, table]);
  const point = (cell: Cell | null) => {
    cursor.point(cell);
    const to = cell === null ? null : expertIn(view, cell);
    if (to?.layer !== pointed?.layer || to?.expert !== pointed?.expert) pointAt(to);
  };

  const said = ({ row, column }: Cell): string => {
    const expert = view.expertAt(row, column);
    const even = topk === 0 ? null : (tokensPerSecond * topk) / experts;
    const times = expert < 0 ? 0 : load[row][expert];
    const tokens = even === null ? null : even * times;
    return expertText({
      layer: layerText(row, numbers),
      expert,
      load: times,
      tokensPerSecond: tokens,
      placed,
      row,
    });
  };
  const place = cursor.cell;
  const words = place === null ? "" : said(place);
  const elsewhere =
    pointed === null || place !== null || pointed.layer >= rows
      ? []
      : view.columnsOf(pointed.layer, pointed.expert).map((column) => ({ row: pointed.layer, column }));
  const hottest = said(hottestCell(view.values));
  return (
    <Panel title="Expert load" note={<Legend colours={gradient(table)} mode={mode} />}>
      <Choice
        name="heat-map"
        legend="What the heat map shows"
        options={HEAT_MAP_MODES.map((one) => ({
          ...one,
          disabled: placed === null && (one.value === "slots" || one.value === "replicas"),
        }))}
        chosen={mode}
        choose={setMode}
      />
      <div class="heat-map">
        <Ticks side="rows" count={rows} ticks={layerTicks(numbers.length > 0 ? numbers : [...load.keys()])} />
        <div
          class="heat-map-cells"
          tabIndex={0}
          role="group"
          aria-roledescription="heat map"
          aria-label={`Load of ${columns} ${view.columnName} in ${rows} layers. Hottest: ${hottest}. Arrow keys read single ones.`}
          onKeyDown={cursor.onKeyDown}
          onBlur={() => point(null)}
          onPointerMove={(event) => point(cellAt(event, rows, columns))}
          onPointerLeave={() => point(null)}
        >
          <canvas ref={canvas} width={columns} height={rows} style={{ "--layers": rows }} />
          {elsewhere.map((cell) => (
            <Frame key={cell.column} cell={cell} layers={rows} experts={columns} />
          ))}
          {place !== null && <Pointed cell={place} layers={rows} experts={columns} words={words} />}
          <p class="unseen" aria-live="polite">
            {cursor.byKeys && words}
          </p>
        </div>
        <Ticks side="columns" count={columns} ticks={expertTicks(columns)} />
        <p class="axis-name">
          Rows are the layers that route, columns {view.columnName}. Hottest: {hottest}
        </p>
      </div>
    </Panel>
  );
}

function expertIn(view: HeatMapView, { row, column }: Cell): Pick<HeldExpert, "layer" | "expert"> | null {
  const expert = view.expertAt(row, column);
  return expert < 0 ? null : { layer: row, expert };
}

function hottestCell(values: HeatMapView["values"]): Cell {
  const columns = values.map(fullest);
  const row = fullest(columns.map((column, layer) => values[layer][column]));
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

/** The frame of a cell that is pointed at elsewhere. */
function Frame({ cell, layers, experts }: Omit<PointedProperties, "words">) {
  const left = `${(cell.column / experts) * 100}%`;
  const top = `${(cell.row / layers) * 100}%`;
  return (
    <div class="pointed" style={{ left, top, width: `${100 / experts}%`, height: `${100 / layers}%` }} />
  );
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

function Legend({ colours, mode }: { readonly colours: string; readonly mode: HeatMapMode }) {
  const octaves = Array.from({ length: MOST_OCTAVE - LEAST_OCTAVE + 1 }, (_, i) => LEAST_OCTAVE + i);
  const last = octaves.length - 1;
  return (
    <span class="legend">
      {mode === "replicas" ? "replicas" : "relative to uniform"}
      <span class="legend-scale" style={{ background: colours }}>
        {octaves.map((octave, i) => (
          <span key={octave} style={{ left: `${(i / last) * 100}%` }}>
            {i === 0 ? "≤\u2009" : i === last ? "≥\u2009" : ""}
            {octave < 0 ? `1/${2 ** -octave}` : 2 ** octave}
            {mode === "replicas" ? "" : "×"}
          </span>
        ))}
      </span>
    </span>
  );
}
