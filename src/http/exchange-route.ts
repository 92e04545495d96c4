import type { FastifyInstance } from "fastify";
import type { ControlledPool } from "../control/controlled-pool.ts";
import { type DatedGpuPairs, GPU_PAIRS, decodeGpuPairs } from "../control/messages/stored-gpu-pairs.ts";
import { InputError } from "../lib/errors.ts";
import type { PoolExchange } from "../model/pool-exchange.ts";
import { type Topology, gpuCount } from "../model/topology.ts";
import type { Query } from "./history-question.ts";
import { type PoolRoute, fromStore, poolNamed } from "./pool-routes.ts";

const DIGITS = 4;

/** Nodes whose GPUs are asked for; null for all of them, of one side at most. */
interface NodeBlock {
  readonly from: number | null;
  readonly to: number | null;
}

/**
 * `GET /ep/v1/exchange/:pool`: who sends tokens to whom, as the pool's leader published it last. Of a pool that is shown
 * by node, with `?from=` and `?to=` (either, or both): beside it, the GPUs of these nodes.
 */
export function exchangeRoute(app: FastifyInstance, pools: readonly ControlledPool[]): void {
  app.get<PoolRoute & { Querystring: Query }>("/ep/v1/exchange/:pool", async ({ params, query }) => {
    const { pool, view, store, topology } = poolNamed(pools, params.pool).loop;
    const asked = blockOf(query, topology);
    const exchange = exchangeBody(view.exchange);
    if (asked === null) return { pool, exchange };
    const [bytes] = await fromStore(store.kept([GPU_PAIRS]));
    const pairs = bytes === null ? null : view.reading.read("exchange", () => decodeGpuPairs(bytes));
    return { pool, exchange, block: pairs === null ? null : blockBody(pairs, asked, topology) };
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

/**
 * The GPUs of some nodes: `gpusPerNode` rows or columns for each, ascending. Null where the pool has other GPUs now.
 * `even*` is a mean pair of the whole pool, of the sources that are known.
 */
export function blockBody(pairs: DatedGpuPairs, { from, to }: NodeBlock, topology: Topology): object | null {
  const { gpus, atMs, selections, tokens } = pairs;
  if (gpus !== gpuCount(topology)) return null;
  const rows = gpusOf(from, topology);
  const columns = gpusOf(to, topology);
  const cut = (matrix: Float32Array) =>
    matrix.length === 0
      ? null
      : rows.map((row) => columns.map((column) => rounded(matrix[row * gpus + column])));
  return {
    atMs,
    rows,
    columns,
    selectionsPerSecond: cut(selections),
    tokensPerSecond: cut(tokens),
    evenSelectionsPerSecond: evenPair(selections, gpus),
    evenTokensPerSecond: tokens.length === 0 ? null : evenPair(tokens, gpus),
  };
}

/** @throws InputError */
function blockOf({ from, to }: Query, topology: Topology): NodeBlock | null {
  if (from === undefined && to === undefined) return null;
  return { from: nodeOf("from", from, topology.nodes), to: nodeOf("to", to, topology.nodes) };
}

/** @throws InputError */
function nodeOf(field: string, value: unknown, nodes: number): number | null {
  if (value === undefined) return null;
  if (typeof value === "string" && /^\d{1,6}$/.test(value) && Number(value) < nodes) return Number(value);
  throw new InputError("query", field, `is ${JSON.stringify(value)}; expected a node, 0 to ${nodes - 1}`);
}

function gpusOf(node: number | null, { nodes, gpusPerNode }: Topology): number[] {
  const count = node === null ? nodes * gpusPerNode : gpusPerNode;
  return Array.from({ length: count }, (_, i) => (node ?? 0) * gpusPerNode + i);
}

function evenPair(matrix: Float32Array, gpus: number): number {
  let sum = 0;
  let known = 0;
  for (let row = 0; row < gpus; row++) {
    const sent = matrix.subarray(row * gpus, (row + 1) * gpus).reduce((all, one) => all + one, 0);
    sum += sent;
    if (sent > 0) known++;
  }
  return known === 0 ? 0 : rounded(sum / (known * gpus));
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
