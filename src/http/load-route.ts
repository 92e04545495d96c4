import type { FastifyInstance } from "fastify";
import type { ControlledPool } from "../control/controlled-pool.ts";
import { type LoadReport, parseBinaryLoad, parseLoadReport } from "../control/ingest/load-report.ts";
import type { LoadInbox } from "../control/ingest/load-inbox.ts";
import { mostReportBytes } from "../control/ingest/report-size.ts";
import type { PoolReport } from "../model/pool-report.ts";
import type { BodyMemory } from "./body-memory.ts";
import { CONTROL_BODY_BYTES, controlBodies, jsonReader } from "./control-body.ts";
import { HttpError } from "./errors.ts";
import type { OperatorDoor } from "./operator-door.ts";
import { poolNamed, record } from "./pool-routes.ts";

const JSON_TYPE = "application/json";
const BINARY = "application/vnd.plimsoll.load";

/** A pool whose ranks report by HTTP. */
interface Reporting {
  readonly inbox: LoadInbox;
  readonly loop: ControlledPool["loop"];
}

/** Ranks report what they have counted: in JSON, or in bytes with the pool in the query. */
export function loadRoute(
  app: FastifyInstance,
  pools: readonly ControlledPool[],
  memory: BodyMemory,
  door: Pick<OperatorDoor, "checkReport">,
): void {
  const reporting = (name: unknown): Reporting => {
    const { inbox, loop } = poolNamed(pools, name);
    if (inbox !== null) return { inbox, loop };
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
    const bytes = Buffer.isBuffer(body);
    const fields = bytes ? {} : record(body);
    const { inbox, loop } = reporting(bytes ? request.query.pool : fields["pool"]);
    const report = bytes ? parseBinaryLoad(body, inbox.shape) : parseLoadReport(fields, inbox.shape);
    door.checkReport(request.raw, loop.pool, report.rank);
    const verdict = inbox.take(report);
    return reply
      .code(202)
      .send({ accepted: verdict === "taken", verdict, ...otherKind(report, loop.view.report) });
  });
}

/** Said to who counts otherwise than most ranks of the pool, as far as that is known here. */
function otherKind({ rank, counted }: LoadReport, report: PoolReport | null): { readonly hint?: string } {
  const counts = report?.loads?.counts ?? counted;
  if (counts === counted) return {};
  const hint =
    rank === null
      ? `ranks of the pool report "counts": "${counts}", and beside them a report of the whole pool is not used`
      : `more ranks of the pool report "counts": "${counts}", so this is not used; have all report one kind`;
  return { hint };
}
