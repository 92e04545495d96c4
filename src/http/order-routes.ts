import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { ControlledPool } from "../control/controlled-pool.ts";
import type { Order } from "../control/messages/pool-message.ts";
import { OPERATOR } from "../access/access.ts";
import { InputError } from "../lib/errors.ts";
import { HttpError } from "./errors.ts";
import type { OperatorDoor } from "./operator-door.ts";
import type { Peers } from "./peer.ts";
import { type PoolRoute, fromStore, poolNamed, record } from "./pool-routes.ts";

const AUDIT_ENTRIES = 100;

interface RankRoute {
  Params: { pool: string; rank: string };
}

/**
 * Orders of operators to a pool. An order is answered 202 when it is in the audit log and on its way to the pool's
 * leader; `/admin/state` shows its result. The log names who gave it by the header `x-operator`, before that by the key
 * or token of `access` that it came with, and without these by the client's address.
 */
export function orderRoutes(
  app: FastifyInstance,
  pools: readonly ControlledPool[],
  peers: Peers,
  door: Pick<OperatorDoor, "nameOf">,
): void {
  const give = async (request: FastifyRequest, reply: FastifyReply, pool: string, order: Order) => {
    const { loop } = poolNamed(pools, pool);
    const named = request.headers["x-operator"];
    const said = typeof named === "string" ? named.slice(0, 200) : null;
    const known = door.nameOf(request.raw);
    // The one key of all operators names nobody.
    const by = [known === OPERATOR ? null : known, said].filter((name) => name !== null).join(": ");
    await fromStore(loop.order(order, by === "" ? peers.addressOf(request.raw) : by));
    return reply.code(202).send({ accepted: true, pool, order });
  };

  for (const kind of ["drain", "undrain"] as const) {
    app.post<RankRoute>(`/admin/pools/:pool/ranks/:rank/${kind}`, async (request, reply) => {
      const { pool, rank: text } = request.params;
      const { ranks } = poolNamed(pools, pool).loop;
      const rank = /^\d{1,6}$/.test(text) ? Number(text) : -1;
      if (rank < 0 || rank >= ranks)
        throw new InputError(
          "path",
          "rank",
          `is ${JSON.stringify(text)}; expected a rank in 0..${ranks - 1}`,
        );
      return give(request, reply, pool, { kind, rank });
    });
  }

  for (const kind of ["pause", "resume", "rebalance"] as const) {
    app.post<PoolRoute>(`/admin/pools/:pool/${kind}`, async (request, reply) =>
      give(request, reply, request.params.pool, { kind }),
    );
  }

  app.post<PoolRoute>("/admin/pools/:pool/rollback", async (request, reply) => {
    const { pool } = request.params;
    const { loop } = poolNamed(pools, pool);
    const { epoch } = record(request.body);
    if (typeof epoch !== "number" || !Number.isInteger(epoch) || epoch < 1)
      throw new InputError("body", "epoch", "is no epoch; expected the number of one that was published");
    if ((await fromStore(loop.store.at(epoch))) === null)
      throw new HttpError("epoch_not_kept", `Epoch ${epoch} of pool "${pool}" is not kept.`);
    return give(request, reply, pool, { kind: "rollback", epoch });
  });

  app.get<PoolRoute>("/admin/pools/:pool/explain", async (request) => {
    const { view } = poolNamed(pools, request.params.pool).loop;
    const { report, snapshot } = view;
    return {
      pool: view.pool,
      epoch: snapshot?.epoch ?? 0,
      change: snapshot?.change ?? null,
      decision: report?.decision ?? null,
      explanation: report?.explanation ?? null,
    };
  });

  app.get<PoolRoute & { Querystring: { count?: string } }>("/admin/pools/:pool/audit", async (request) => {
    const { loop } = poolNamed(pools, request.params.pool);
    const { count = `${AUDIT_ENTRIES}` } = request.query;
    if (!/^[1-9]\d{0,4}$/.test(count))
      throw new InputError("query", "count", `is ${JSON.stringify(count)}; expected 1 to 99999`);
    return { pool: loop.pool, entries: await fromStore(loop.audit(Number(count))) };
  });
}
