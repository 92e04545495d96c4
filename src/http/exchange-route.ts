import type { FastifyInstance } from "fastify";
import type { ControlledPool } from "../control/controlled-pool.ts";
import type { PoolExchange } from "../model/pool-exchange.ts";
import { type PoolRoute, poolNamed } from "./pool-routes.ts";

const DIGITS = 4;

/** `GET /ep/v1/exchange/:pool`: who sends tokens to whom, as the pool's leader published it last. */
export function exchangeRoute(app: FastifyInstance, pools: readonly ControlledPool[]): void {
  app.get<PoolRoute>("/ep/v1/exchange/:pool", async ({ params }) => {
    const { pool, view } = poolNamed(pools, params.pool).loop;
    return { pool, exchange: exchangeBody(view.exchange) };
  });
}

/** Rows by source; null for what is not known. */
export function exchangeBody(exchange: PoolExchange | null): object | null {
  if (exchange === null) return null;
  const { selections, tokens, ownGpu, ownNode, units, ...rest } = exchange;
  const isKnown = selections.length > 0;
  return {
    ...rest,
    units,
    selectionsPerSecond: rowsOf(selections, units),
    tokensPerSecond: rowsOf(tokens, units),
    ownGpuPerSecond: isKnown ? rounded(ownGpu) : null,
    ownNodePerSecond: isKnown ? rounded(ownNode) : null,
  };
}

function rowsOf(matrix: Float32Array, units: number): number[][] | null {
  if (matrix.length === 0) return null;
  return Array.from({ length: units }, (_, from) =>
    Array.from(matrix.subarray(from * units, (from + 1) * units), rounded),
  );
}

function rounded(value: number): number {
  return Number(value.toPrecision(DIGITS));
}
