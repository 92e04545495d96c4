import { EpochTable } from "./decisions/epoch-table.tsx";
import { ExpertHeatMap } from "./experts/expert-heat-map.tsx";
import { hopsOf } from "./figures/averages.ts";
import { GpuLoad } from "./gpus/gpu-load.tsx";
import { HistoryPanel } from "./history/history-panel.tsx";
import { KeyFigures } from "./figures/key-figures.tsx";
import { Panel } from "./page/panel.tsx";
import { SimulationControls } from "./simulation/simulation-controls.tsx";
import type { PoolState } from "./live/state.ts";
import type { PoolSample, TrafficReport } from "./live/wire.ts";

interface Properties {
  /** Has at least one sample. */
  readonly pool: PoolState;
  readonly traffic: TrafficReport | null;
  /** No other pool: the gateway's traffic is this pool's. */
  readonly alone: boolean;
  readonly operatorKey: string | null;
}

export function PoolView({ pool, traffic, alone, operatorKey }: Properties) {
  const { simulation } = pool;
  const last = pool.samples.at(-1) as PoolSample;
  return (
    <>
      <KeyFigures pool={pool} last={last} traffic={traffic} alone={alone} />
      {simulation !== null && (
        <SimulationControls simulation={simulation} gpus={last.gpuLoad.length} operatorKey={operatorKey} />
      )}
      <div class="panels">
        {pool.expertLoad === null ? (
          <Panel title="Expert load" note="Waiting for the first live report.">
            <p class="awaited">The heat map appears with the next report, within a second.</p>
          </Panel>
        ) : (
          <ExpertHeatMap load={pool.expertLoad} numbers={pool.layerNumbers} />
        )}
        <GpuLoad sample={last} stopped={simulation?.lost ?? []} />
        <HistoryPanel samples={pool.samples} epochs={pool.epochs} hops={hopsOf(last.topology)} />
        <EpochTable epochs={pool.epochs} decision={last.decision} />
      </div>
    </>
  );
}
