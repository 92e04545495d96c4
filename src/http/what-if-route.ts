import type { FastifyInstance } from "fastify";
import type { ControlledPool } from "../control/controlled-pool.ts";
import { type PoolRoute, poolNamed, record } from "./pool-routes.ts";
import type { Peers } from "./peer.ts";
import { fromThread } from "./solve-route.ts";

/** Says what a pool that runs would come to otherwise. */
export interface WhatIfs {
  /**
   * Rejects with InputError, BodyRefused and SolverBusy.
   * @param left aborted when the asker is gone
   * @returns the answer in JSON
   */
  ask(
    pool: string,
    body: Readonly<Record<string, unknown>>,
    left: AbortSignal,
    client: string,
  ): Promise<Uint8Array>;
}

/** A pool's room: other slots, other traffic, other nodes; worked out in a thread, for as long as the asker waits. */
export function whatIfRoute(
  app: FastifyInstance,
  pools: readonly ControlledPool[],
  whatIfs: WhatIfs,
  peers: Peers,
): void {
  app.post<PoolRoute>("/ep/v1/what-if/:pool", async (request, reply) => {
    const { pool } = poolNamed(pools, request.params.pool).loop;
    const body = record(request.body);
    const client = peers.addressOf(request.raw);
    return fromThread(reply, (left) => whatIfs.ask(pool, body, left, client));
  });
}
