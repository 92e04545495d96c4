import type { FastifyInstance } from "fastify";
import type { ControlledPool } from "../control/controlled-pool.ts";
import { gpuRows } from "../control/follow/gpu-rows.ts";
import { GPU_ROW_S } from "../control/history/gpu-row.ts";
import { aroundOf, figuresIn, gpusCsv, gpusJson, rowOf } from "./gpu-history-answer.ts";
import { historyCsv, historyJson } from "./history-answer.ts";
import { type Query, csvHead, questionOf, time } from "./history-question.ts";
import { type PoolRoute, fromStore, poolNamed } from "./pool-routes.ts";
import { wantsFormat } from "./wanted-format.ts";

/**
 * `GET /ep/v1/history/:pool`: what a pool did over the last day, and `…/gpus`: what its GPUs did, as JSON or CSV.
 * @param wallClock milliseconds since 1970
 */
export function historyRoute(
  app: FastifyInstance,
  pools: readonly ControlledPool[],
  wallClock: () => number,
): void {
  app.get<PoolRoute>("/ep/v1/history/:pool", async ({ params, query, headers }, reply) => {
    const { pool, view } = poolNamed(pools, params.pool).loop;
    const asked = query as Query;
    const question = questionOf(asked, wallClock());
    if (!wantsFormat("csv", asked["format"], headers.accept))
      return historyJson(pool, view.history, question);
    return reply.headers(csvHead(pool, question.from)).send(historyCsv(view.history, question));
  });

  app.get<PoolRoute>("/ep/v1/history/:pool/gpus", async ({ params, query, headers }, reply) => {
    const { pool, store, view, ranks, model } = poolNamed(pools, params.pool).loop;
    const asked = query as Query;
    const at = asked["at"] === undefined ? null : time("at", asked["at"]);
    const question = at === null ? questionOf(asked, wallClock()) : aroundOf(at, GPU_ROW_S);
    const figures = figuresIn(asked["figures"]);
    const csv = wantsFormat("csv", asked["format"], headers.accept);
    const { from, to, step } = question;
    const found = await fromStore(gpuRows(store, view.reading, from, to, Math.max(GPU_ROW_S, step)));
    const rows = at === null ? found : rowOf(found, at);
    const answer = { pool, question, gpus: ranks, layers: model.moeLayers, figures, rows };
    if (!csv) return gpusJson(answer);
    return reply.headers(csvHead(`${pool}-gpus`, from)).send(gpusCsv(answer));
  });
}
