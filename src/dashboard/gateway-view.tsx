import { Figures } from "./figures/figure.tsx";
import { trafficFigures } from "./figures/traffic-figures.tsx";
import type { PoolState } from "./live/state.ts";
import type { GatewayCondition, TrafficReport } from "./live/wire.ts";
import { ServingPanel } from "./serving/serving-panel.tsx";
import { StatusLine } from "./status/status-line.tsx";

interface Properties {
  /** Of the pool that has not reported yet; null where the gateway tracks the experts of none. */
  readonly name: string | null;
  readonly pool: PoolState | null;
  readonly gateway: GatewayCondition;
  readonly traffic: TrafficReport | null;
  readonly operatorKey: string | null;
}

/** A gateway before any report of a pool: also one that only routes. */
export function GatewayView({ name, pool, gateway, traffic, operatorKey }: Properties) {
  return (
    <>
      {pool !== null && <StatusLine pool={pool} gateway={gateway} />}
      <Figures label="Traffic" figures={trafficFigures(traffic, null, ", all pools")} />
      <p class="awaited">
        {name === null ? (
          <>
            <bdi>{gateway.gateway}</bdi> tracks the experts of no pool: a pool's <code>experts</code> name its
            model and its topology.
          </>
        ) : (
          <>
            Waiting for the first report of <bdi>{name}</bdi>: its engines have said nothing of their experts
            yet.
          </>
        )}
      </p>
      <div class="panels">
        <ServingPanel pool={null} operatorKey={operatorKey} />
      </div>
    </>
  );
}
