import type { FastifyInstance } from "fastify";
import type { ControlledPool } from "../control/controlled-pool.ts";
import type { Store } from "../control/store.ts";
import type { GatewayState } from "../model/pool-state.ts";
import type { TrafficMeter } from "../serving/traffic/traffic-meter.ts";
import { EventStream } from "./event-stream.ts";
import { PoolEvents } from "./pool-events.ts";

const TRAFFIC_PERIOD_MS = 1000;

export interface EventParts {
  readonly gatewayName: string;
  readonly store: Pick<Store, "name" | "fault" | "onFault">;
  /** Those there are now. */
  readonly pools: readonly ControlledPool[];
  /** Is called when a reload has changed `pools`. @returns the way to stop listening */
  readonly onPoolsChange: (listener: () => void) => () => void;
  readonly meter: TrafficMeter;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
}

/**
 * `GET /ep/v1/events`: first `history` (PoolEvents.history, `gateway`, and its time), then `epoch`, `report`, `state` and `decisions`
 * ({pool, decisions}: those that are new or went on) of each pool, `gone` ({pool}: a reload has removed it), `simulation`
 * where something is done to a simulated pool, `gateway` and, once a second, `traffic`. A pool that a reload adds begins
 * with the epochs it has had. Compressed where the client takes gzip.
 */
export function eventRoutes(
  app: FastifyInstance,
  { gatewayName, store, pools, onPoolsChange, meter, wallClock }: EventParts,
): void {
  const stream = new EventStream();
  const events = new PoolEvents((event, data) => stream.send(event, data));
  const follow = () => events.follow(pools);
  follow();
  const stopFollowing = onPoolsChange(follow);
  const gateway = (): GatewayState => ({
    gateway: gatewayName,
    store: { name: store.name, fault: store.fault },
  });
  const stopWatching = store.onFault(() => stream.send("gateway", gateway()));
  const timer = setInterval(() => {
    stream.send("traffic", meter.report(wallClock()));
    events.look();
  }, TRAFFIC_PERIOD_MS);

  // A stream has no end for HEAD to wait for.
  app.get("/ep/v1/events", { exposeHeadRoute: false }, ({ headers }, reply) => {
    stream.checkRoom();
    reply.hijack();
    const history = `{"atMs":${wallClock()},"gateway":${JSON.stringify(gateway())},${events.history.slice(1)}`;
    stream.join(reply.raw, "history", history, takesGzip(headers["accept-encoding"]));
  });

  app.addHook("preClose", async () => {
    clearInterval(timer);
    stopFollowing();
    stopWatching();
    events.stop();
    stream.close();
  });
}

/** @param accepted as `accept-encoding` has it; a client that names no encoding is sent none */
function takesGzip(accepted: string | string[] | undefined): boolean {
  const offers = String(accepted ?? "")
    .toLowerCase()
    .split(",");
  return offers.some((offer) => /^\s*gzip\s*(;\s*q=(1|0?\.\d*[1-9]).*)?$/.test(offer));
}
