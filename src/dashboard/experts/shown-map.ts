import type { Forecast } from "../changes/forecast.ts";
import { fullest } from "../figures/averages.ts";
import { whole } from "../format.ts";
import { layerText } from "../gpus/gpu-text.ts";
import type { PoolReport } from "../live/wire.ts";
import { differences, errorText, layerErrors } from "./forecast-map.ts";
import { type HeatMapView, type LoadMode, expertText, heatMapView } from "./heat-map-view.ts";
import { type MapScale, differenceScale, relativeScale, tokenScale } from "./map-scale.ts";
import type { Placed } from "./placed-experts.ts";
import type { Cell } from "../grid/cell.ts";

/** In what loads are shown: parts of an even expert, or tokens per second. */
export type LoadUnit = "relative" | "tokens";

export const LOAD_UNITS: readonly {
  readonly value: LoadUnit;
  readonly title: string;
  readonly what: string;
}[] = [
  { value: "relative", title: "Relative", what: "Loads relative to an expert's even part of its layer" },
  {
    value: "tokens",
    title: "Tokens/s",
    what: "Tokens that each expert, or slot, gets per second: of the tokens forwarded in the last ten seconds",
  },
];

/** A heat map as it is drawn and read. */
export interface ShownMap extends HeatMapView {
  readonly scale: MapScale;
  /** One cell, for a person. */
  readonly said: (cell: Cell) => string;
  /** All of it, for a person. */
  readonly lead: string;
}

interface Known {
  readonly report: PoolReport;
  readonly placed: Placed | null;
  readonly forecast: Forecast | null;
  /** Tokens per second of an even expert; null where that is not known. */
  readonly even: number | null;
  readonly dark: boolean;
}

/** What experts, slots or replicas there are. @param top where the scale of tokens ends; null for relative loads */
export function loadMap(mode: LoadMode, top: number | null, known: Known): ShownMap {
  const { report, placed, even, dark } = known;
  const view = heatMapView(mode, report.expertLoad, placed);
  const said = ({ row, column }: Cell): string => {
    const text = saidOf(known, row, view.expertAt(row, column));
    if (view.columnName !== "slots" || placed === null) return text;
    const slot = `slot ${column} on GPU ${Math.floor(column / placed.slotsPerGpu)}`;
    // A slot's even part is less than an expert's by as many slots as there are more.
    const perSlot = even === null ? null : (even * report.experts) / view.values[row].length;
    const gets = perSlot === null ? "" : ` gets ${whole(perSlot * view.values[row][column])} tokens/s`;
    return view.expertAt(row, column) < 0 ? `${slot}: ${text}` : `${slot}${gets}: ${text}`;
  };
  const perValue = even === null ? null : (even * report.experts) / (view.values[0]?.length ?? 1);
  const scale =
    mode === "replicas"
      ? relativeScale(dark, "replicas")
      : top === null || perValue === null
        ? relativeScale(dark, "load")
        : tokenScale(dark, top, perValue);
  return { ...view, scale, said, lead: `Hottest: ${said(hottestCell(view.values))}` };
}

/** What each expert has more, or less, than was forecast. */
export function forecastMap(forecast: Forecast, known: Known): ShownMap {
  const { report, dark } = known;
  const { layerNumbers: numbers } = report;
  const values = differences(report.expertLoad, forecast.load);
  const errors = layerErrors(values);
  return {
    values,
    columnName: "experts",
    expertAt: (_row, column) => column,
    columnsOf: (_row, expert) => [expert],
    scale: differenceScale(dark),
    said: ({ row, column }) =>
      `${saidOf(known, row, column)} · ${Math.round(errors[row] * 100)} % of the layer's tokens are with other experts than forecast`,
    lead: errorText(errors, forecast.atMs, numbers),
  };
}

function saidOf({ report, placed, forecast, even }: Known, row: number, expert: number): string {
  const load = expert < 0 ? 0 : report.expertLoad[row][expert];
  return expertText({
    layer: layerText(row, report.layerNumbers),
    expert,
    load,
    forecast: forecast?.load[row]?.[expert] ?? null,
    tokensPerSecond: even === null ? null : even * load,
    placed,
    row,
  });
}

function hottestCell(values: HeatMapView["values"]): Cell {
  const columns = values.map(fullest);
  const row = fullest(columns.map((column, layer) => values[layer][column]));
  return { row, column: columns[row] };
}
