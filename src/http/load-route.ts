import type { FastifyInstance } from "fastify";
import type { ControlledPool } from "../control/controlled-pool.ts";
import { parseLoadReport } from "../control/load-report.ts";
import { HttpError } from "./errors.ts";
import { poolNamed, record, told } from "./pool-routes.ts";

/** Ranks report what they have counted. */
export function loadRoute(app: FastifyInstance, pools: readonly ControlledPool[]): void {
  app.post("/ep/v1/load", async (request, reply) => {
    const body = record(request.body);
    const { inbox, loop } = poolNamed(pools, body["pool"]);
    if (inbox === null)
      throw new HttpError("pool_not_found", `The engines of pool "${loop.pool}" do not report by HTTP.`);
    await told(inbox.take(parseLoadReport(body, loop.shape)));
    return reply.code(202).send({ accepted: true });
  });
}
