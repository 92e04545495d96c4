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
import type { Hops } from "../figures/averages.ts";
import { fixed, time } from "../format.ts";
import type { DecisionRecord, PoolSample } from "../live/wire.ts";

use([
  LineChart,
  GridComponent,
  MarkAreaComponent,
  MarkLineComponent,
  TitleComponent,
  TooltipComponent,
  CanvasRenderer,
]);

export interface HistoryChart {
  draw(samples: readonly PoolSample[], decisions: readonly DecisionRecord[], hops: Hops): void;
  dispose(): void;
}

const MOST_GRID_LINES = 4;
/** The tick of the last new shares is this part of the axis high. */
const TICK = 0.07;

/** Two lines above each other with one time axis, in the page's colours as they are when this is called. */
export function historyChart(frame: HTMLElement): HistoryChart {
  const style = getComputedStyle(frame);
  const colour = (name: string) => style.getPropertyValue(name);
  const font = { fontFamily: style.fontFamily, fontSize: 11, color: colour("--ink-soft") };
  const title = {
    left: 0,
    padding: 0,
    textStyle: { ...font, fontWeight: "normal", lineHeight: 14 },
  } as const;
  const chart = init(frame);
  const resized = new ResizeObserver(() => chart.resize());
  resized.observe(frame);

  const grid = { left: 36, right: 12, height: "34%" };
  const timeAxis = {
    type: "time",
    axisLine: { lineStyle: { color: colour("--rule") } },
    axisTick: { show: false },
    splitLine: { show: false },
    splitNumber: 4,
  } as const;
  const valueAxis = {
    type: "value",
    min: 0,
    axisLabel: font,
    splitLine: { lineStyle: { color: colour("--rule") } },
  } as const;
  const line = { type: "line", showSymbol: false, connectNulls: false, lineStyle: { width: 2 } } as const;

  chart.setOption({
    animation: false,
    textStyle: { fontFamily: style.fontFamily },
    title: [
      { ...title, text: "Balancedness, measured step by step", top: 0 },
      { ...title, text: "", top: "50%" },
    ],
    grid: [
      { ...grid, top: 22 },
      { ...grid, top: "59%" },
    ],
    axisPointer: { link: [{ xAxisIndex: "all" }] },
    tooltip: {
      trigger: "axis",
      confine: true,
      backgroundColor: colour("--ink"),
      borderWidth: 0,
      textStyle: { ...font, color: colour("--sheet") },
    },
    xAxis: [
      { ...timeAxis, gridIndex: 0, axisLabel: { show: false } },
      { ...timeAxis, gridIndex: 1, axisLabel: { ...font, formatter: time, hideOverlap: true } },
    ],
    yAxis: [
      { ...valueAxis, gridIndex: 0, max: 1, interval: 0.5 },
      { ...valueAxis, gridIndex: 1 },
    ],
  });

  return {
    draw(samples, decisions, hops) {
      const first = samples[0].atMs;
      const interval = Math.ceil(hops.most / MOST_GRID_LINES);
      const mostHops = Math.ceil(hops.most / interval) * interval;
      const now = samples[samples.length - 1].atMs;
      const shown = decisions.filter(({ endMs }) => (endMs ?? now) >= first);
      const rolledOut = shown.filter(({ kind }) => kind === "placement" || kind === "repair");
      const shares = shown.filter(({ kind }) => kind === "shares");
      const series = (
        figure: "balancedness" | Hops["figure"],
        axis: number,
        end: number,
        decimals: number,
      ) => ({
        ...line,
        xAxisIndex: axis,
        yAxisIndex: axis,
        color: colour("--sea"),
        data: samples.map((sample) => [sample.atMs, sample[figure]]),
        tooltip: { valueFormatter: (value: unknown) => fixed(value as number | null, decimals) },
        markLine: {
          symbol: "none",
          silent: true,
          animation: false,
          label: { show: false },
          lineStyle: { type: "solid", color: colour("--ink-soft") },
          data: shares.map(({ endMs }) => tick(endMs ?? now, end)),
        },
        // One band for a rollout, however many stages it has.
        markArea: {
          silent: true,
          itemStyle: {
            color: colour("--hull"),
            opacity: 0.18,
            borderColor: colour("--hull"),
            borderWidth: 1,
          },
          data: rolledOut.map(({ atMs, endMs }) => [
            { xAxis: Math.max(first, atMs) },
            { xAxis: endMs ?? now },
          ]),
        },
      });
      const tick = (atMs: number, end: number) => [{ coord: [atMs, 0] }, { coord: [atMs, end * TICK] }];
      chart.setOption({
        title: [{}, { text: hops.name }],
        yAxis: [{}, { max: mostHops, interval }],
        series: [
          { name: "Balancedness", ...series("balancedness", 0, 1, 3) },
          { name: hops.name, ...series(hops.figure, 1, mostHops, 2) },
        ],
      });
    },
    dispose() {
      resized.disconnect();
      chart.dispose();
    },
  };
}
