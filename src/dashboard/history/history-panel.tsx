import { useEffect, useRef, useState } from "preact/hooks";
import { type Hops, latest, tokenMean } from "../figures/averages.ts";
import { fixed } from "../format.ts";
import type { HistoryChart } from "./history-chart.ts";
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
  const [chart, setChart] = useState<HistoryChart | null>(null);
  useEffect(() => {
    let over = false;
    let made: HistoryChart | null = null;
    // The library is most of the page's code, and the rest need not wait for it.
    const open = async (): Promise<void> => {
      const { historyChart } = await import("./history-chart.ts");
      if (over) return;
      made = historyChart(frame.current as HTMLDivElement);
      setChart(made);
    };
    void open();
    return () => {
      over = true;
      made?.dispose();
    };
  }, [dark]);
  useEffect(() => chart?.draw(samples, decisions, hops), [chart, samples, decisions, hops.figure]);

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
