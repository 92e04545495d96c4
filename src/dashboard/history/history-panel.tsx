import { useEffect, useRef } from "preact/hooks";
import { type Hops, latest, tokenMean } from "../figures/averages.ts";
import { fixed } from "../format.ts";
import { type HistoryChart, historyChart } from "./history-chart.ts";
import { Panel } from "../page/panel.tsx";
import { useDark } from "../page/use-dark.ts";
import type { EpochReport, PoolSample } from "../live/wire.ts";

interface Properties {
  /** Oldest first, at least one. */
  readonly samples: readonly PoolSample[];
  readonly epochs: readonly EpochReport[];
  readonly hops: Hops;
}

/** Balancedness and hops over time, with the epochs marked. */
export function HistoryPanel({ samples, epochs, hops }: Properties) {
  const dark = useDark();
  const frame = useRef<HTMLDivElement>(null);
  const chart = useRef<HistoryChart>(null);
  useEffect(() => {
    chart.current = historyChart(frame.current as HTMLDivElement);
    return () => chart.current?.dispose();
  }, [dark]);
  useEffect(() => chart.current?.draw(samples, epochs, hops), [samples, epochs, hops, dark]);

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
      <span class="key-placement">new placement</span>
      <span class="key-shares">new shares</span>
    </span>
  );
}
