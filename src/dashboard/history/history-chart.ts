import { LineChart } from "echarts/charts";
import {
  GridComponent,
  MarkAreaComponent,
  MarkLineComponent,
  TitleComponent,
  TooltipComponent,
} from "echarts/components";
import { init, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import { brief, time } from "../format.ts";
import type { DecisionRecord } from "../live/wire.ts";
import type { HistoryRow } from "./history-row.ts";
import { type LinePoint, linePoints } from "./line-points.ts";
import type { Plot } from "./plots.ts";
import type { Span } from "./ranges.ts";

use([
  LineChart,
  GridComponent,
  MarkAreaComponent,
  MarkLineComponent,
  TitleComponent,
  TooltipComponent,
  CanvasRenderer,
]);

export interface Drawn {
  readonly span: Span;
  readonly rows: readonly HistoryRow[];
  readonly decisions: readonly DecisionRecord[];
  /** The moment that was chosen; null for none. */
  readonly at: number | null;
}

export interface HistoryChart {
  draw(drawn: Drawn): void;
  /** What is drawn. @param scale pixels for one */
  picture(scale: number): HTMLCanvasElement;
  dispose(): void;
}

/** A line's next point lies no further away, as gateways measure and as rows of a day are long. */
const LEAST_REACH_MS = 10_000;
const POINTS_AT_MOST = 1440;
const TITLE_PX = 18;
const AXIS_PX = 22;
/** The tick of new shares is this part of a plot high. */
const TICK = 0.07;

/**
 * Plots above each other with one time axis, in the page's colours as they are when this is called.
 * @param choose receives the time, milliseconds since 1970, of a click
 */
export function historyChart(
  frame: HTMLElement,
  plots: readonly Plot[],
  choose: (at: number) => void,
): HistoryChart {
  const style = getComputedStyle(frame);
  const colour = (name: string) => style.getPropertyValue(name);
  const font = { fontFamily: style.fontFamily, fontSize: 11, color: colour("--ink-soft") };
  const chart = init(frame);
  const place = () => {
    const height = (frame.clientHeight - AXIS_PX) / plots.length;
    chart.setOption({
      title: plots.map(({ title }, i) => ({ text: title, top: i * height })),
      grid: plots.map((_, i) => ({ top: i * height + TITLE_PX, height: Math.max(8, height - TITLE_PX - 6) })),
    });
  };
  const resized = new ResizeObserver(() => {
    chart.resize();
    place();
  });
  chart.setOption(frameOf(plots, colour, font));
  place();
  resized.observe(frame);
  chart.getZr().on("click", ({ offsetX, offsetY }) => {
    const within = plots.some((_, gridIndex) => chart.containPixel({ gridIndex }, [offsetX, offsetY]));
    if (within) choose(Math.round(chart.convertFromPixel({ xAxisIndex: 0 }, offsetX)));
  });
  return {
    draw({ span, rows, decisions, at }) {
      const reachMs = Math.max(LEAST_REACH_MS, (span.to - span.from) / POINTS_AT_MOST);
      const bands = decisionBands(decisions, span, colour);
      chart.setOption({
        tooltip: { formatter: (points: unknown) => tip(plots, points as readonly TipPoint[], reachMs) },
        xAxis: plots.map(() => ({ min: span.from, max: span.to })),
        series: plots.flatMap(({ lines, most }, plot) =>
          lines.map(({ figure, name, soft }, i) => {
            const data = linePoints(rows, figure);
            const highest = most ?? data.reduce((top, [, value]) => Math.max(top, value ?? 0), 0);
            return {
              id: figure,
              name,
              type: "line",
              showSymbol: false,
              connectNulls: false,
              lineStyle: { width: soft ? 1 : 1.8 },
              xAxisIndex: plot,
              yAxisIndex: plot,
              color: colour(soft ? "--fill" : "--sea"),
              data,
              ...(i === 0 ? { markArea: bands.area, markLine: bands.lines(highest, at) } : {}),
            };
          }),
        ),
      });
    },
    picture: (scale) => chart.renderToCanvas({ pixelRatio: scale, backgroundColor: colour("--sheet") }),
    dispose() {
      resized.disconnect();
      chart.dispose();
    },
  };
}

type Colour = (name: string) => string;

/** What stays as it is. */
function frameOf(plots: readonly Plot[], colour: Colour, font: object) {
  const last = plots.length - 1;
  return {
    animation: false,
    textStyle: font,
    title: plots.map(() => ({
      left: 0,
      padding: 0,
      textStyle: { ...font, fontWeight: "normal", lineHeight: 14 },
    })),
    grid: plots.map(() => ({ left: 40, right: 14, outerBoundsMode: "none" })),
    axisPointer: { link: [{ xAxisIndex: "all" }] },
    tooltip: {
      trigger: "axis",
      confine: true,
      backgroundColor: colour("--ink"),
      borderWidth: 0,
      textStyle: { ...font, color: colour("--sheet") },
    },
    xAxis: plots.map((_, gridIndex) => ({
      gridIndex,
      type: "time",
      axisLine: { lineStyle: { color: colour("--rule") } },
      axisTick: { show: false },
      splitLine: { show: false },
      splitNumber: 4,
      axisLabel: gridIndex === last ? { ...font, formatter: time, hideOverlap: true } : { show: false },
    })),
    yAxis: plots.map(({ most }, gridIndex) => ({
      gridIndex,
      type: "value",
      min: 0,
      ...(most === null ? {} : { max: most }),
      splitNumber: 2,
      axisLabel: { ...font, hideOverlap: true, formatter: brief },
      splitLine: { lineStyle: { color: colour("--rule") } },
    })),
  };
}

interface TipPoint {
  readonly axisValue: number;
  readonly seriesId: string;
  readonly value: LinePoint;
}

/** What all plots have at one time, in their order, where they have a point that is no further away than `reachMs`. */
function tip(plots: readonly Plot[], points: readonly TipPoint[], reachMs: number): HTMLElement {
  const [{ axisValue }] = points;
  const near = points.filter(({ value: [at] }) => Math.abs(at - axisValue) <= reachMs);
  const lines = plots.flatMap(({ lines: some, text }) => some.map((line) => ({ ...line, text })));
  const said = lines.flatMap(({ figure, name, text }) => {
    const value = near.find(({ seriesId }) => seriesId === figure)?.value[1] ?? null;
    return value === null ? [] : [`${name}: ${text(value)}`];
  });
  const frame = document.createElement("div");
  frame.style.whiteSpace = "pre";
  frame.textContent = [time(axisValue), ...said].join("\n");
  return frame;
}

/** What was decided in a span: one band for a rollout, however many stages it has; a tick for the last new shares. */
function decisionBands(decisions: readonly DecisionRecord[], { from, to }: Span, colour: Colour) {
  const shown = decisions.filter(({ atMs, endMs }) => (endMs ?? to) >= from && atMs <= to);
  const rolledOut = shown.filter(({ kind }) => kind === "placement" || kind === "repair");
  const shares = shown.filter(({ kind, endMs }) => kind === "shares" && (endMs ?? to) <= to);
  return {
    area: {
      silent: true,
      itemStyle: { color: colour("--hull"), opacity: 0.18, borderColor: colour("--hull"), borderWidth: 1 },
      data: rolledOut.map(({ atMs, endMs }) => [
        { xAxis: Math.max(from, atMs) },
        { xAxis: Math.min(to, endMs ?? to) },
      ]),
    },
    lines: (highest: number, at: number | null) => ({
      symbol: "none",
      silent: true,
      animation: false,
      label: { show: false },
      lineStyle: { type: "solid", color: colour("--ink-soft") },
      data: [
        ...shares.map(({ endMs }) => [{ coord: [endMs ?? to, 0] }, { coord: [endMs ?? to, highest * TICK] }]),
        ...(at === null ? [] : [{ xAxis: at, lineStyle: { color: colour("--ink"), width: 1.5 } }]),
      ],
    }),
  };
}
