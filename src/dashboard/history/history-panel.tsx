import { useEffect, useRef } from "preact/hooks";
import { type Hops, latest, tokenMean } from "../figures/averages.ts";
import { fixed } from "../format.ts";
import { type HistoryChart, historyChart } from "./history-chart.ts";
import { Panel } from "../page/panel.tsx";
import { useDark } from "../page/use-dark.ts";
import type { PoolState } from "../live/state.ts";

interface Properties {
  /** Has at least one sample. */
  readonly pool: PoolState;
  readonly hops: Hops;
}

/** Balancedness and hops over time, with what was decided. */
export function HistoryPanel({ pool, hops }: Properties) {
  const { samples, decisions } = pool;
  const dark = useDark();
  const frame = useRef<HTMLDivElement>(null);
  const chart = useRef<HistoryChart>(null);
  useEffect(() => {
    chart.current = historyChart(frame.current as HTMLDivElement);
    return () => chart.current?.dispose();
  }, [dark]);
  useEffect(() => chart.current?.draw(samples, decisions, hops), [samples, decisions, hops.figure, dark]);

  const now = latest(samples);
  const minutes = Math.ceil((samples[samples.length - 1].atMs - samples[0].atMs) / 60_000);
  return (
    <Panel title="Over time" note={<EpochKey />}>
      <div
        class="history"
        ref={frame}
        role="img"
        aria-label={`The last ${minutes} minutes. Now: balancedness ${fixed(tokenMean(now, "balancedness"), 3)} and ${fixed(tokenMean(now, hops.figure), 2)} ${hops.name.toLowerCase()}.`}
      />
    </Panel>
  );
}

function EpochKey() {
  return (
    <span class="key">
      <span class="key-placement">placement rolled out</span>
      <span class="key-shares">new shares</span>
    </span>
  );
}
