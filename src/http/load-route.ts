import type { FastifyInstance } from "fastify";
import type { ControlledPool } from "../control/controlled-pool.ts";
import { parseBinaryLoad, parseLoadReport } from "../control/ingest/load-report.ts";
import type { LoadInbox } from "../control/ingest/load-inbox.ts";
import { mostReportBytes } from "../control/ingest/report-size.ts";
import type { BodyMemory } from "./body-memory.ts";
import { CONTROL_BODY_BYTES, controlBodies, jsonReader } from "./control-body.ts";
import { HttpError } from "./errors.ts";
import { poolNamed, record } from "./pool-routes.ts";

const JSON_TYPE = "application/json";
const BINARY = "application/vnd.plimsoll.load";

/** Ranks report what they have counted: in JSON, or in bytes with the pool in the query. */
export function loadRoute(app: FastifyInstance, pools: readonly ControlledPool[], memory: BodyMemory): void {
  const inboxOf = (name: unknown): LoadInbox => {
    const { inbox, loop } = poolNamed(pools, name);
    if (inbox !== null) return inbox;
    throw new HttpError("pool_not_found", `The engines of pool "${loop.pool}" do not report by HTTP.`);
  };
  /** As the largest pool's reports may be: which pool one is for, its JSON says. */
  const limitOf = () =>
    Math.max(
      CONTROL_BODY_BYTES,
      ...pools.map(({ inbox }) => (inbox === null ? 0 : mostReportBytes(inbox.shape))),
    );
  const readJson = jsonReader(app);
  controlBodies(app, [JSON_TYPE, BINARY], {
    memory,
    limitOf,
    read: (bytes, request, held) => (request.mediaType === BINARY ? bytes : readJson(bytes, request, held)),
  });

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
