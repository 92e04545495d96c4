import { useCallback, useRef, useState } from "preact/hooks";
import { ChangePanel } from "./changes/change-panel.tsx";
import { lastMoved, placedBy } from "./changes/moved-decisions.ts";
import { useChange, useForecast } from "./changes/use-changes.ts";
import { DecisionTable } from "./decisions/decision-table.tsx";
import { BesidePanel } from "./engine/beside-panel.tsx";
import { EnginePanel } from "./engine/engine-panel.tsx";
import { ExpertHeatMap } from "./experts/expert-heat-map.tsx";
import { type HeldExpert, replicasOf } from "./experts/placed-experts.ts";
import { usePlaced } from "./experts/use-placed.ts";
import { type Hops, hopsOf } from "./figures/averages.ts";
import { ExchangePanel } from "./exchange/exchange-panel.tsx";
import { KeyFigures } from "./figures/key-figures.tsx";
import { PastFigures } from "./figures/past-figures.tsx";
import { GpuPanel } from "./gpus/gpu-panel.tsx";
import { PastExperts, PastGpuPanel } from "./gpus/past-gpu-panel.tsx";
import { GpuStrip, type StripPainter } from "./history/gpu-strip.tsx";
import { HistoryPanel, shownSpan } from "./history/history-panel.tsx";
import { type HistoryRow, factorThen, rowAt } from "./history/history-row.ts";
import { withSeconds } from "./history/line-points.ts";
import { PastNotice } from "./history/past-notice.tsx";
import { rangeNamed } from "./history/ranges.ts";
import { useGpusThen } from "./history/use-gpus-then.ts";
import { useHistory, useLastHour } from "./history/use-history.ts";
import type { PoolState } from "./live/state.ts";
import type { GatewayCondition, PoolReport, TrafficReport } from "./live/wire.ts";
import type { LinkState } from "./page/link-state.ts";
import { Panel } from "./page/panel.tsx";
import { RoomPanel } from "./room/room-panel.tsx";
import { ServingPanel } from "./serving/serving-panel.tsx";
import { SimulationControls } from "./simulation/simulation-controls.tsx";
import { StatusLine } from "./status/status-line.tsx";

interface Properties {
  readonly pool: PoolState;
  /** Its last report. */
  readonly last: PoolReport;
  readonly traffic: TrafficReport | null;
  /** Of the gateway's clock. */
  readonly aheadMs: number;
  readonly gateway: GatewayCondition | null;
  /** No other pool: the gateway's traffic is this pool's. */
  readonly alone: boolean;
  readonly operatorKey: string | null;
  readonly view: LinkState;
  readonly change: (to: Partial<LinkState>) => void;
}

/** A pool now; or at a moment that is past, as far as that is kept. */
export function PoolView(properties: Properties) {
  const { pool, last, traffic, aheadMs, gateway, alone, operatorKey, view, change } = properties;
  const { simulation, decisions } = pool;
  const { at, gpu } = view;
  const range = rangeNamed(view.range);
  const hour = useLastHour(last.pool, operatorKey, aheadMs);
  const history = useHistory(last.pool, operatorKey, range, at, aheadMs);
  const rows =
    history.live && range.step === 1
      ? withSeconds(history.rows, pool.samples, history.span.from)
      : history.rows;
  const then = useGpusThen(last.pool, operatorKey, at, aheadMs);
  const strip = useRef<StripPainter | null>(null);
  const chooseAt = useCallback((to: number | null) => change({ at: to }), [change]);
  const chooseDecision = useCallback(
    (decision: number | null) =>
      change(
        decision === null ? { decision, experts: "experts" } : { decision, experts: "changes", at: null },
      ),
    [change],
  );
  const hops = hopsOf(last.topology);
  const placed = usePlaced(last.pool, last.epoch, operatorKey);
  /** By the mouse or the keys, in the heat map or beside it. */
  const [pointed, pointAt] = useState<Pick<HeldExpert, "layer" | "expert"> | null>(null);
  const marked =
    pointed === null || placed === null
      ? []
      : replicasOf(placed, pointed.layer, pointed.expert).map((one) => one.gpu);
  const forecast = useForecast(last.pool, placedBy(decisions), operatorKey);
  const lookedAt =
    view.decision === null
      ? lastMoved(decisions)
      : (decisions.find(({ id }) => id === view.decision) ?? null);
  const changed = useChange(
    last.pool,
    view.experts === "changes" ? (view.decision ?? lookedAt?.id ?? null) : null,
    `${lookedAt?.stages?.done} ${lookedAt?.state}`,
    operatorKey,
  );
  return (
    <>
      <StatusLine pool={pool} gateway={gateway} />
      {at === null ? (
        <KeyFigures pool={pool} last={last} traffic={traffic} hour={hour} alone={alone} />
      ) : (
        <Past at={at} rows={rows} hops={hops} pool={pool} back={() => chooseAt(null)} />
      )}
      {at === null && <BesidePanel report={last} />}
      {at === null && <EnginePanel pool={pool} aheadMs={aheadMs} />}
      {simulation !== null && (
        <SimulationControls simulation={simulation} gpus={last.gpuLoad.length} operatorKey={operatorKey} />
      )}
      <div class="panels">
        {then === null ? (
          <GpuPanel
            pool={pool}
            report={last}
            placed={placed}
            chosen={gpu}
            choose={(chosen) => change({ gpu: chosen })}
            measure={view.gpus}
            setMeasure={(gpus) => change({ gpus })}
            marked={marked}
            pointAt={pointAt}
          />
        ) : (
          <PastGpuPanel
            then={then}
            topology={last.topology}
            factor={factorThen(then, rows)}
            loadLine={pool.condition?.loadLine ?? null}
            chosen={gpu}
            choose={(chosen) => change({ gpu: chosen })}
            measure={view.gpus}
            setMeasure={(gpus) => change({ gpus })}
          />
        )}
        {then !== null ? (
          <PastExperts then={then} chosen={gpu} choose={(chosen) => change({ gpu: chosen })} />
        ) : last.expertLoad.length === 0 ? (
          <Panel title="Expert load" note="Nothing was counted yet.">
            <p class="awaited">The heat map appears with the next report, within a second.</p>
          </Panel>
        ) : (
          <ExpertHeatMap
            report={last}
            samples={pool.samples}
            placed={placed}
            mode={view.experts}
            setMode={(experts) => change({ experts })}
            unit={view.loads}
            setUnit={(loads) => change({ loads })}
            forecast={forecast}
            decision={lookedAt}
            change={changed}
            pointed={pointed}
            pointAt={pointAt}
          />
        )}
        {changed !== null && typeof changed !== "string" && at === null && (
          <ChangePanel read={changed} decision={lookedAt} numbers={last.layerNumbers} pointAt={pointAt} />
        )}
        <DecisionTable
          decisions={decisions}
          last={last.decision}
          modelled={last.loads?.counts === "source"}
          chosen={view.experts === "changes" ? (lookedAt?.id ?? null) : null}
          choose={chooseDecision}
        />
        <HistoryPanel
          name={last.pool}
          pool={pool}
          hops={hops}
          history={history}
          rows={rows}
          range={range}
          chooseRange={(chosen) => change({ range: chosen })}
          at={at}
          chooseAt={chooseAt}
          strip={strip}
          operatorKey={operatorKey}
        />
        <GpuStrip
          topology={last.topology}
          rows={history.gpus}
          span={shownSpan(range, history, pool)}
          step={range.gpuStep}
          at={at}
          gpu={gpu}
          choose={(to, chosen) => change({ at: to, gpu: chosen })}
          painter={strip}
        />
        <ExchangePanel
          pool={last.pool}
          topology={last.topology}
          operatorKey={operatorKey}
          view={view.exchange}
          setView={(exchange) => change({ exchange })}
          measure={view.pairs}
          setMeasure={(pairs) => change({ pairs })}
        />
        <RoomPanel
          pool={last.pool}
          nodes={last.topology.nodes}
          loadLine={pool.condition?.loadLine ?? null}
          operatorKey={operatorKey}
        />
        <ServingPanel pool={last.pool} operatorKey={operatorKey} />
      </div>
    </>
  );
}

interface PastProperties {
  readonly at: number;
  readonly rows: readonly HistoryRow[];
  readonly hops: Hops;
  readonly pool: PoolState;
  readonly back: () => void;
}

function Past({ at, rows, hops, pool, back }: PastProperties) {
  const row = rowAt(rows, at);
  return (
    <>
      <PastNotice at={at} row={row} back={back} />
      {row !== null && <PastFigures row={row} hops={hops} loadLine={pool.condition?.loadLine ?? null} />}
    </>
  );
}
