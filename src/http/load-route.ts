import type { FastifyInstance } from "fastify";
import type { ControlledPool } from "../control/controlled-pool.ts";
import { parseBinaryLoad, parseLoadReport } from "../control/ingest/load-report.ts";
import type { LoadInbox } from "../control/ingest/load-inbox.ts";
import { HttpError } from "./errors.ts";
import { poolNamed, record } from "./pool-routes.ts";

const BINARY = "application/vnd.plimsoll.load";
/** A report of 512 layers of 1024 experts. */
const BODY_LIMIT = 48 + 4 * 512 * 1024;

/** Ranks report what they have counted: in JSON, or in bytes with the pool in the query. */
export function loadRoute(app: FastifyInstance, pools: readonly ControlledPool[]): void {
  const inboxOf = (name: unknown): LoadInbox => {
    const { inbox, loop } = poolNamed(pools, name);
    if (inbox !== null) return inbox;
    throw new HttpError("pool_not_found", `The engines of pool "${loop.pool}" do not report by HTTP.`);
  };
  app.addContentTypeParser(BINARY, { parseAs: "buffer", bodyLimit: BODY_LIMIT }, (_request, body, done) =>
    done(null, body),
  );

  app.post<{ Querystring: { pool?: string } }>("/ep/v1/load", async (request, reply) => {
    const { body } = request;
    const verdict = Buffer.isBuffer(body)
      ? takeBytes(inboxOf(request.query.pool), body)
      : takeJson(record(body));
    return reply.code(202).send({ accepted: verdict === "taken", verdict });
  });

  function takeBytes(inbox: LoadInbox, body: Buffer) {
    return inbox.take(parseBinaryLoad(body, inbox.shape));
  }

  function takeJson(body: Record<string, unknown>) {
    const inbox = inboxOf(body["pool"]);
    return inbox.take(parseLoadReport(body, inbox.shape));
  }
}
