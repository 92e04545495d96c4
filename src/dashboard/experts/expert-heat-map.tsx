import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Forecast } from "../changes/forecast.ts";
import { CHANGES_BY, type ChangesBy, changeMap } from "../changes/change-map.ts";
import type { ReadChange } from "../changes/placement-change.ts";
import type { ShownChange } from "../changes/use-changes.ts";
import { latest, meanTokens } from "../figures/averages.ts";
import type { DecisionRecord, PoolReport, PoolSample } from "../live/wire.ts";
import { Choice } from "../page/choice.tsx";
import { Panel } from "../page/panel.tsx";
import { useDark } from "../page/use-dark.ts";
import { KindLegend, ScaleLegend } from "./heat-map-legend.tsx";
import { HEAT_MAP_MODES, type HeatMapMode } from "./heat-map-view.ts";
import { MapCells } from "./map-cells.tsx";
import { relativeScale } from "./map-scale.ts";
import type { HeldExpert, Placed } from "./placed-experts.ts";
import { useScaleTop } from "./use-scale-top.ts";
import { LOAD_UNITS, type LoadUnit, type ShownMap, forecastMap, loadMap } from "./shown-map.ts";

type Pointed = Pick<HeldExpert, "layer" | "expert">;

interface Properties {
  readonly report: PoolReport;
  /** Of the last minutes, the oldest first. */
  readonly samples: readonly PoolSample[];
  readonly placed: Placed | null;
  readonly mode: HeatMapMode;
  readonly setMode: (mode: HeatMapMode) => void;
  readonly unit: LoadUnit;
  readonly setUnit: (unit: LoadUnit) => void;
  /** Of the placement in force; null where it is not known. */
  readonly forecast: Forecast | null;
  /** The decision to look at, where its record is known; null for none. */
  readonly decision: DecisionRecord | null;
  readonly change: ShownChange;
  /** What is pointed at elsewhere; null for nothing. */
  readonly pointed: Pointed | null;
  readonly pointAt: (expert: Pointed | null) => void;
}

/** MoE layers × experts (or slots): loads, what is off its forecast, or what a decision changed. */
export function ExpertHeatMap(properties: Properties) {
  const { report, samples, placed, mode, setMode, unit, setUnit, forecast, decision, change } = properties;
  const { pointed, pointAt } = properties;
  const { expertLoad: load, topk, experts } = report;
  const dark = useDark();
  const [by, setBy] = useState<ChangesBy>("slots");
  const even = topk === 0 ? null : (meanTokens(latest(samples)) * topk) / experts;
  const top = useScaleTop(even === null ? 0 : even * mostOf(load));
  const read = mode === "changes" && change !== null && typeof change !== "string" ? change : null;
  const numbers = report.layerNumbers.length > 0 ? report.layerNumbers : [...load.keys()];
  const drawn = useMemo(
    () => (read === null ? null : changeMap(read, by, report.layerNumbers, dark)),
    // The same layers come anew with every report.
    [read, by, report.layerNumbers.length, dark],
  );
  const known = { report, placed, forecast, even, dark };
  const inTokens = unit === "tokens" && even !== null;
  const shown = useMemo<ShownMap | null>(
    () =>
      mode === "changes"
        ? drawn
        : mode === "forecast"
          ? forecast === null
            ? null
            : forecastMap(forecast, known)
          : loadMap(mode, inTokens ? top : null, known),
    [mode, drawn, report, placed, forecast, inTokens, top, dark],
  );
  const panel = useScrolledTo(mode === "changes" ? (decision?.id ?? null) : null);
  const units = mode !== "replicas" && mode !== "forecast" && mode !== "changes";
  return (
    <Panel
      title="Expert load"
      note={
        read === null ? (
          <ScaleLegend scale={shown?.scale ?? relativeScale(dark, "load")} />
        ) : (
          <KindLegend read={read} by={by} dark={dark} />
        )
      }
    >
      <div class="choices" ref={panel}>
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
        {units && (
          <Choice
            name="unit"
            legend="In what loads are shown"
            options={LOAD_UNITS.map((one) => ({ ...one, disabled: even === null }))}
            chosen={inTokens ? "tokens" : "relative"}
            choose={setUnit}
          />
        )}
        {mode === "changes" && (
          <Choice
            name="by"
            legend="By what changes are shown"
            options={CHANGES_BY}
            chosen={by}
            choose={setBy}
          />
        )}
      </div>
      {shown === null ? (
        <p class="awaited">{mode === "changes" ? whyNone(change, decision) : NO_FORECAST}</p>
      ) : (
        <MapCells
          shown={shown}
          numbers={read === null || read.change.layers === numbers.length ? numbers : rowsOf(read)}
          pointed={pointed}
          pointAt={pointAt}
        />
      )}
    </Panel>
  );
}

const NO_FORECAST =
  "No forecast is known of the placement in force: it is the first, or was gone back to. One comes with the next placement.";

function whyNone(change: ShownChange, decision: DecisionRecord | null): string {
  if (typeof change === "string") return change;
  return decision === null
    ? "No decision has moved anything yet, as far as they are kept."
    : "What it changed is on its way.";
}

function rowsOf({ change }: ReadChange): number[] {
  return Array.from({ length: change.layers }, (_, row) => row);
}

function mostOf(load: readonly (readonly number[])[]): number {
  let most = 0;
  for (const row of load) for (const one of row) if (one > most) most = one;
  return most;
}

/** Who chooses another one sees what it is chosen for; not when the page opens. */
function useScrolledTo(chosen: number | null) {
  const here = useRef<HTMLDivElement>(null);
  const before = useRef(chosen);
  useEffect(() => {
    if (chosen !== null && chosen !== before.current)
      here.current?.closest("section")?.scrollIntoView({ block: "nearest" });
    before.current = chosen;
  }, [chosen]);
  return here;
}
