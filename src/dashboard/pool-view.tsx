import { useState } from "preact/hooks";
import { DecisionTable } from "./decisions/decision-table.tsx";
import { ExpertHeatMap } from "./experts/expert-heat-map.tsx";
import { type HeldExpert, replicasOf } from "./experts/placed-experts.ts";
import { usePlaced } from "./experts/use-placed.ts";
import { hopsOf } from "./figures/averages.ts";
import { KeyFigures } from "./figures/key-figures.tsx";
import { GpuPanel } from "./gpus/gpu-panel.tsx";
import { HistoryPanel } from "./history/history-panel.tsx";
import type { PoolState } from "./live/state.ts";
import type { GatewayCondition, PoolReport, TrafficReport } from "./live/wire.ts";
import { Panel } from "./page/panel.tsx";
import { ServingPanel } from "./serving/serving-panel.tsx";
import { SimulationControls } from "./simulation/simulation-controls.tsx";
import { StatusLine } from "./status/status-line.tsx";

interface Properties {
  readonly pool: PoolState;
  /** Its last report. */
  readonly last: PoolReport;
  readonly traffic: TrafficReport | null;
  readonly gateway: GatewayCondition | null;
  /** No other pool: the gateway's traffic is this pool's. */
  readonly alone: boolean;
  readonly operatorKey: string | null;
}

export function PoolView({ pool, last, traffic, gateway, alone, operatorKey }: Properties) {
  const { simulation, decisions } = pool;
  const placed = usePlaced(last.pool, last.epoch, operatorKey);
  const [gpu, chooseGpu] = useState<number | null>(null);
  /** By the mouse or the keys, in the heat map or beside it. */
  const [pointed, pointAt] = useState<Pick<HeldExpert, "layer" | "expert"> | null>(null);
  const marked =
    pointed === null || placed === null
      ? []
      : replicasOf(placed, pointed.layer, pointed.expert).map((one) => one.gpu);
  return (
    <>
      <StatusLine pool={pool} gateway={gateway} />
      <KeyFigures pool={pool} last={last} traffic={traffic} alone={alone} />
      {simulation !== null && (
        <SimulationControls simulation={simulation} gpus={last.gpuLoad.length} operatorKey={operatorKey} />
      )}
      <div class="panels">
        <GpuPanel
          pool={pool}
          report={last}
          placed={placed}
          chosen={gpu}
          choose={chooseGpu}
          marked={marked}
          pointAt={pointAt}
        />
        {last.expertLoad.length === 0 ? (
          <Panel title="Expert load" note="Nothing was counted yet.">
            <p class="awaited">The heat map appears with the next report, within a second.</p>
          </Panel>
        ) : (
          <ExpertHeatMap report={last} placed={placed} pointed={pointed} pointAt={pointAt} />
        )}
        <DecisionTable
          decisions={decisions}
          last={last.decision}
          modelled={last.loads?.counts === "source"}
        />
        <HistoryPanel pool={pool} hops={hopsOf(last.topology)} />
        <ServingPanel pool={last.pool} operatorKey={operatorKey} />
      </div>
    </>
  );
}
