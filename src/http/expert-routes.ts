import type { FastifyInstance } from "fastify";
import { parseLoadReport, parseRank } from "../control/load-report.ts";
import type { ReportedPlane } from "../control/reported-plane.ts";
import { InputError } from "../lib/errors.ts";
import type { ReadonlyNumbers } from "../lib/readonly-arrays.ts";
import { gpuCount, slotCount } from "../model/topology.ts";
import type { ControlledPool } from "../control/controlled-pool.ts";
import { HttpError } from "./errors.ts";

interface PoolRoute {
  Params: { pool: string };
}

/** The expert plane: engines report loads, fetch placements and shares, and acknowledge what they have loaded. */
export function expertRoutes(app: FastifyInstance, pools: readonly ControlledPool[]): void {
  const poolNamed = (name: unknown): ControlledPool => {
    const pool = pools.find(({ loop }) => loop.pool === name);
    if (pool === undefined)
      throw new HttpError("pool_not_found", `No pool with an expert plane is named ${JSON.stringify(name)}.`);
    return pool;
  };
  const reportedPool = (body: Record<string, unknown>): ReportedPlane => {
    const { reported, loop } = poolNamed(body["pool"]);
    if (reported === null)
      throw new HttpError("pool_not_found", `The engines of pool "${loop.pool}" do not report by HTTP.`);
    return reported;
  };

  app.post("/ep/v1/load", async (request, reply) => {
    const body = record(request.body);
    const plane = reportedPool(body);
    plane.ingest(parseLoadReport(body, plane.shape));
    return reply.code(202).send({ accepted: true });
  });

  app.post("/ep/v1/acks", async (request, reply) => {
    const body = record(request.body);
    const plane = reportedPool(body);
    const epoch = body["epoch"];
    if (typeof epoch !== "number")
      throw new InputError("body", "epoch", "is no number; expected the placement's epoch");
    const awaited = plane.acknowledge(epoch, parseRank(body["rank"], plane.shape.gpus));
    if (awaited === null) throw new HttpError("epoch_not_pending", `Epoch ${epoch} is not in preparation.`);
    return reply.send({ epoch, awaited });
  });

  app.get<PoolRoute>("/ep/v1/placement/:pool", async (request, reply) => {
    const { loop } = poolNamed(request.params.pool);
    const pending = loop.pending();
    const { epoch, placement } = pending ?? loop.snapshot();
    const tag = `"${epoch}${pending === null ? "" : "-pending"}"`;
    reply.header("etag", tag);
    if (request.headers["if-none-match"] === tag) return reply.code(304).send();
    return {
      pool: loop.pool,
      epoch,
      state: pending === null ? "published" : "pending",
      topology: placement.topology,
      physical_to_logical_map: rows(
        placement.physicalToLogical,
        placement.layers,
        slotCount(placement.topology),
      ),
    };
  });

  app.get<PoolRoute>("/ep/v1/shares/:pool", async (request, reply) => {
    const { loop } = poolNamed(request.params.pool);
    const { epoch, placement, shares } = loop.snapshot();
    const tag = `"${epoch}"`;
    reply.header("etag", tag);
    if (request.headers["if-none-match"] === tag) return reply.code(304).send();
    return {
      pool: loop.pool,
      epoch,
      shares: rows(shares.values, placement.layers, slotCount(placement.topology)),
      prices: rows(shares.prices, placement.layers, gpuCount(placement.topology)),
    };
  });
}

function record(body: unknown): Record<string, unknown> {
  if (typeof body === "object" && body !== null && !Array.isArray(body))
    return body as Record<string, unknown>;
  throw new InputError("body", "", "is no JSON object; expected one with `pool`");
}

/** A strided matrix as nested lists. */
function rows(values: ReadonlyNumbers, count: number, width: number): number[][] {
  return Array.from({ length: count }, (_, row) =>
    Array.from({ length: width }, (_, i) => values[row * width + i]),
  );
}
