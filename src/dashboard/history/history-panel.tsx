import { useEffect, useRef, useState } from "preact/hooks";
import type { Hops } from "../figures/averages.ts";
import { fixed, time } from "../format.ts";
import type { PoolState } from "../live/state.ts";
import { Choice } from "../page/choice.tsx";
import { Panel } from "../page/panel.tsx";
import { saveFile } from "../page/save-file.ts";
import { useDark } from "../page/use-dark.ts";
import { type CsvOf, askCsv } from "./ask-history.ts";
import type { StripPainter } from "./gpu-strip.tsx";
import type { HistoryChart } from "./history-chart.ts";
import { type HistoryRow, rowAt, rowsOn } from "./history-row.ts";
import { plotsOf } from "./plots.ts";
import { savedPicture } from "./saved-picture.ts";
import { RANGES, type Range, type RangeName, type Span } from "./ranges.ts";
import type { ShownHistory } from "./use-history.ts";

interface Properties {
  readonly name: string;
  readonly pool: PoolState;
  readonly hops: Hops;
  readonly history: ShownHistory;
  /** With the seconds that are not stored yet. */
  readonly rows: readonly HistoryRow[];
  readonly range: Range;
  readonly chooseRange: (range: RangeName) => void;
  /** The moment that was chosen; null for now. */
  readonly at: number | null;
  readonly chooseAt: (at: number | null) => void;
  /** Paints what GPUs did, for the picture that is saved. */
  readonly strip: { readonly current: StripPainter | null };
  readonly operatorKey: string | null;
}

const PNG_SCALE = 2;

const STEPS: Readonly<Record<string, number>> = { ArrowLeft: -1, ArrowRight: 1, PageUp: 10, PageDown: -10 };

/** A pool over time, with what was decided; a moment of it can be chosen. */
export function HistoryPanel(properties: Properties) {
  const { name, pool, hops, history, rows, range, chooseRange, at, chooseAt, operatorKey, strip } =
    properties;
  const { live, fault } = history;
  const shown = shownSpan(range, history, pool);
  const end = shown.to;
  const { frame, chart } = useChart(hops, chooseAt);
  const { decisions } = pool;
  // Drawing costs more than all else in the page: time that is not worth a point moves nothing.
  const points = Math.floor(end / (range.step * 1000));
  useEffect(() => chart?.draw({ span: shown, rows, decisions, at }), [chart, history, points, decisions, at]);

  const until = new Date(end).toISOString().slice(0, 19).replaceAll(":", "");
  const file = `plimsoll-${name.replaceAll(/[^\w.-]/g, "_")}-${range.name}-${until}Z`;
  const moment = at ?? end;
  const row = rowAt(rows, at ?? rows.at(-1)?.at ?? 0);
  return (
    <Panel title="Over time" note={<EpochKey />}>
      <div class="history-tools">
        <Choice
          name="range"
          legend="How much time is shown"
          options={RANGES.map(({ name: value, title, step }) => ({
            value,
            title,
            what: `The last ${title}, a point for every ${step === 1 ? "second" : `${step} seconds`}`,
          }))}
          chosen={range.name}
          choose={chooseRange}
        />
        <Downloads
          png={() => {
            if (chart === null || frame.current === null) return;
            const below = document.createElement("canvas");
            strip.current?.(below, frame.current.clientWidth, PNG_SCALE);
            const parts = [chart.picture(PNG_SCALE), below];
            const style = getComputedStyle(frame.current);
            saveFile(`${file}.png`, savedPicture(`Pool ${name}`, spanText(shown), parts, PNG_SCALE, style));
          }}
          csv={async (of) => {
            const step = of === "" ? range.step : range.gpuStep;
            const url = URL.createObjectURL(await askCsv(name, of, operatorKey, { ...shown, step }));
            saveFile(`${file}${of.replace("/", "-")}.csv`, url);
            URL.revokeObjectURL(url);
          }}
        />
      </div>
      <div
        class="history"
        ref={frame}
        role="slider"
        tabIndex={0}
        aria-label={`${name} over ${range.title}. Arrow keys choose a moment, Escape goes back to now.`}
        aria-valuemin={Math.round(shown.from / 1000)}
        aria-valuemax={Math.round(shown.to / 1000)}
        aria-valuenow={Math.round(moment / 1000)}
        aria-valuetext={`${at === null ? "now" : time(at)}: balancedness ${fixed(row?.balancedness ?? null, 3)}, ${fixed(row?.[hops.figure] ?? null, 2)} ${hops.name.toLowerCase()}`}
        onKeyDown={(event) => {
          const steps = STEPS[event.key];
          if (steps === undefined && event.key !== "Escape") return;
          event.preventDefault();
          if (steps === undefined) return chooseAt(null);
          const beyond = live && steps > 0 ? null : moment + steps * range.step * 1000;
          chooseAt(rowsOn(rows, at, steps) ?? beyond);
        }}
      />
      <p class="readout" role="status">
        {fault === null ? "" : `The history cannot be had now: ${fault}.`}
      </p>
    </Panel>
  );
}

/** The chart in its frame, once its library has come. */
function useChart(hops: Hops, chooseAt: Properties["chooseAt"]) {
  const dark = useDark();
  const frame = useRef<HTMLDivElement>(null);
  const [chart, setChart] = useState<HistoryChart | null>(null);
  useEffect(() => {
    let over = false;
    let made: HistoryChart | null = null;
    // The library is most of the page's code, and the rest need not wait for it.
    const open = async (): Promise<void> => {
      const { historyChart } = await import("./history-chart.ts");
      if (over) return;
      made = historyChart(frame.current as HTMLDivElement, plotsOf(hops), chooseAt);
      setChart(made);
    };
    void open();
    return () => {
      over = true;
      made?.dispose();
    };
  }, [dark, hops.figure, hops.most, chooseAt]);
  return { frame, chart };
}

function Downloads({ png, csv }: { readonly png: () => void; readonly csv: (of: CsvOf) => Promise<void> }) {
  const [refusal, setRefusal] = useState<string | null>(null);
  const get = (file: () => Promise<void>) =>
    file().then(
      () => setRefusal(null),
      (error: unknown) => setRefusal((error as Error).message),
    );
  return (
    <span class="downloads">
      <button
        type="button"
        title="What is shown as comma-separated values, a row for each point"
        onClick={() => void get(() => csv(""))}
      >
        CSV
      </button>
      <button
        type="button"
        title="What each GPU did, as comma-separated values, a row for each GPU and point"
        onClick={() => void get(() => csv("/gpus"))}
      >
        CSV of GPUs
      </button>
      <button type="button" title="What is shown as a picture" onClick={png}>
        PNG
      </button>
      {refusal !== null && <span role="alert">{refusal}</span>}
    </span>
  );
}

/** What is shown of it: live, until its last second. */
export function shownSpan({ ms }: Range, { span, live }: ShownHistory, { samples }: PoolState): Span {
  const end = live ? Math.max(span.to, samples.at(-1)?.atMs ?? 0) : span.to;
  return { from: end - ms, to: end };
}

/** From when to when, in the reader's own time zone and in UTC. */
function spanText({ from, to }: Span): string {
  const day = (ms: number) => new Date(ms).toLocaleDateString("en-GB", { dateStyle: "medium" });
  const utc = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`;
  const until = day(from) === day(to) ? time(to) : `${day(to)}, ${time(to)}`;
  return `${day(from)}, ${time(from)} to ${until} (${utc(from)} to ${utc(to)})`;
}

function EpochKey() {
  return (
    <span class="key">
      <span class="key-placement">placement rolled out</span>
      <span class="key-shares">new shares</span>
    </span>
  );
}
