import type { FastifyInstance } from "fastify";
import type { TrafficMeter } from "../serving/traffic/traffic-meter.ts";
import type { ControlledPool } from "../control/controlled-pool.ts";
import { EventStream } from "./event-stream.ts";

const REPORTS_REMEMBERED = 300;
const TRAFFIC_PERIOD_MS = 1000;

/**
 * `GET /ep/v1/events`: first `history` ({epochs, reports}), then `epoch`, `report` and, once a second, `traffic`.
 * @param wallClock milliseconds since 1970
 */
export function eventRoutes(
  app: FastifyInstance,
  pools: readonly ControlledPool[],
  meter: TrafficMeter,
  wallClock: () => number,
): void {
  const stream = new EventStream();
  /** Reports as JSON, without their large part, so that a new reader does not wait until 300 of them are encoded. */
  const past: string[] = [];
  const stops = pools.flatMap(({ loop }) => [
    loop.view.onReport(({ explanation: _explanation, ...report }) => {
      stream.send("report", report);
      const { expertLoad: _expertLoad, ...rest } = report;
      past.push(JSON.stringify(rest));
      if (past.length > REPORTS_REMEMBERED) past.shift();
    }),
    loop.view.onSnapshot(({ pool, epoch, change }) => stream.send("epoch", { pool, epoch, ...change })),
  ]);
  const timer = setInterval(() => stream.send("traffic", meter.report(wallClock())), TRAFFIC_PERIOD_MS);

  // A stream has no end for HEAD to wait for.
  app.get("/ep/v1/events", { exposeHeadRoute: false }, (_request, reply) => {
    stream.checkRoom();
    reply.hijack();
    const epochs = JSON.stringify(pools.flatMap(({ loop }) => loop.view.epochs));
    stream.join(reply.raw, "history", `{"epochs":${epochs},"reports":[${past.join(",")}]}`);
  });

  app.addHook("preClose", async () => {
    clearInterval(timer);
    for (const stop of stops) stop();
    stream.close();
  });
}
