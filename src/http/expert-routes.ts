import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { ControlledPool } from "../control/controlled-pool.ts";
import { parseIncarnation, parseRank } from "../control/ingest/load-report.ts";
import { ACK_PHASES, type AckPhase } from "../control/messages/pool-message.ts";
import type { PoolView } from "../control/follow/pool-view.ts";
import { InputError } from "../lib/errors.ts";
import { engineFile } from "./engine-files.ts";
import { HttpError } from "./errors.ts";
import type { OperatorDoor } from "./operator-door.ts";
import { LongPolls } from "./long-poll.ts";
import { WrittenOnce, inForce, placementBody, placementTag, sharesBody } from "./placement-text.ts";
import { type PoolRoute, fromStore, poolNamed, record } from "./pool-routes.ts";

const RANK_STATES = ["lost", "ready"] as const;

/** The expert plane: ranks fetch placements and shares, and report what they hold. */
export function expertRoutes(
  app: FastifyInstance,
  pools: readonly ControlledPool[],
  door: Pick<OperatorDoor, "checkReport">,
): void {
  const polls = new LongPolls();
  app.addHook("preClose", async () => polls.end());

  const answer = async (
    request: FastifyRequest,
    reply: FastifyReply,
    view: PoolView,
    tagOf: (view: PoolView) => string,
    body: (view: PoolView) => unknown,
    written: WrittenOnce,
  ) => {
    const known = request.headers["if-none-match"];
    await polls.wait(
      request,
      (listener) => view.onChange(listener),
      () => view.closed || tagOf(view) !== known,
    );
    // A reload may have removed the pool meanwhile.
    if (view.closed) poolNamed(pools, view.pool);
    const tag = tagOf(view);
    reply.header("etag", tag);
    if (known === tag) return reply.code(304).send();
    const { text } = written.of(`${view.pool} ${tag}`, () => body(view));
    return reply.type("application/json; charset=utf-8").send(text);
  };

  const placements = new Map<string, WrittenOnce>();
  app.get<PoolRoute>("/ep/v1/placement/:pool", async (request, reply) => {
    const { view, model } = poolNamed(pools, request.params.pool).loop;
    const { format } = request.query as Record<string, unknown>;
    if (typeof format === "string") {
      const { epoch, placement } = inForce(view);
      const { type, text } = engineFile(format, placement, model);
      return reply.header("etag", `"${epoch}-${format}"`).type(type).send(text);
    }
    const only = publishedOnly(request.query);
    const written = writtenOf(placements, `${view.pool} ${only}`);
    return answer(
      request,
      reply,
      view,
      (now) => placementTag(now, only),
      (now) => placementBody(now, only),
      written,
    );
  });

  const shares = new Map<string, WrittenOnce>();
  app.get<PoolRoute>("/ep/v1/shares/:pool", async (request, reply) => {
    const { view } = poolNamed(pools, request.params.pool).loop;
    const tagOf = () => `"${inForce(view).epoch}"`;
    return answer(request, reply, view, tagOf, sharesBody, writtenOf(shares, view.pool));
  });

  app.post("/ep/v1/acks", async (request, reply) => {
    const body = record(request.body);
    const { loop } = reportedPool(pools, body);
    const { epoch } = body;
    if (typeof epoch !== "number")
      throw new InputError("body", "epoch", "is no number; expected the placement's epoch");
    const rank = parseRank(body["rank"], loop.ranks);
    door.checkReport(request.raw, loop.pool, rank);
    const phase = oneOf<AckPhase>(body, "phase", ACK_PHASES, "prepared");
    if (!(await fromStore(loop.acknowledge(epoch, rank, phase, parseIncarnation(body)))))
      throw new HttpError("epoch_not_pending", `Epoch ${epoch} does not wait for "${phase}".`);
    return reply.code(202).send({ accepted: true, epoch, rank, phase });
  });

  app.post("/ep/v1/ranks", async (request, reply) => {
    const body = record(request.body);
    const { loop } = reportedPool(pools, body);
    const rank = parseRank(body["rank"], loop.ranks);
    door.checkReport(request.raw, loop.pool, rank);
    const state = oneOf(body, "state", RANK_STATES, null);
    await fromStore(loop.reportRank(rank, state, parseIncarnation(body)));
    return reply.code(202).send({ accepted: true, rank, state });
  });
}

/** @throws HttpError for a pool whose ranks are in this process */
function reportedPool(pools: readonly ControlledPool[], body: Record<string, unknown>): ControlledPool {
  const pool = poolNamed(pools, body["pool"]);
  if (pool.inbox !== null) return pool;
  throw new HttpError("pool_not_found", `The engines of pool "${pool.loop.pool}" do not report by HTTP.`);
}

/** Whether `?state=published` asks for what is in force, whatever is pending. @throws InputError */
function publishedOnly(query: unknown): boolean {
  const state = (query as Record<string, unknown>)["state"];
  if (state === undefined || state === "published") return state !== undefined;
  throw new InputError("query", "state", `is ${JSON.stringify(state)}; expected published, or nothing`);
}

function writtenOf(all: Map<string, WrittenOnce>, name: string): WrittenOnce {
  let written = all.get(name);
  if (written === undefined) all.set(name, (written = new WrittenOnce()));
  return written;
}

function oneOf<T extends string>(
  body: Record<string, unknown>,
  field: string,
  choices: readonly T[],
  fallback: T | null,
): T {
  const value = body[field] ?? fallback;
  const choice = choices.find((one) => one === value);
  if (choice !== undefined) return choice;
  throw new InputError("body", field, `is ${JSON.stringify(value)}; expected ${choices.join(" or ")}`);
}
