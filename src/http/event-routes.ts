import type { FastifyInstance } from "fastify";
import type { ControlledPool } from "../control/controlled-pool.ts";
import type { TrafficMeter } from "../serving/traffic/traffic-meter.ts";
import { EventStream } from "./event-stream.ts";
import { PoolEvents } from "./pool-events.ts";

const TRAFFIC_PERIOD_MS = 1000;

export interface EventParts {
  /** Those there are now. */
  readonly pools: readonly ControlledPool[];
  /** Is called when a reload has changed `pools`. @returns the way to stop listening */
  readonly onPoolsChange: (listener: () => void) => () => void;
  readonly meter: TrafficMeter;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
}

/**
 * `GET /ep/v1/events`: first `history` ({epochs, reports, simulations}), then `epoch`, `report`, `gone` ({pool}: a reload
 * has removed it), `simulation` where something is done to a simulated pool and, once a second, `traffic`. A pool that a
 * reload adds begins with the epochs it has had.
 */
export function eventRoutes(
  app: FastifyInstance,
  { pools, onPoolsChange, meter, wallClock }: EventParts,
): void {
  const stream = new EventStream();
  const events = new PoolEvents((event, data) => stream.send(event, data));
  const follow = () => events.follow(pools);
  follow();
  const stopFollowing = onPoolsChange(follow);
  const timer = setInterval(() => stream.send("traffic", meter.report(wallClock())), TRAFFIC_PERIOD_MS);

  // A stream has no end for HEAD to wait for.
  app.get("/ep/v1/events", { exposeHeadRoute: false }, (_request, reply) => {
    stream.checkRoom();
    reply.hijack();
    stream.join(reply.raw, "history", events.history);
  });

  app.addHook("preClose", async () => {
    clearInterval(timer);
    stopFollowing();
    events.stop();
    stream.close();
  });
}
