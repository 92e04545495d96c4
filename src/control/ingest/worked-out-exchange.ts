import { tellsDestinations } from "../../core/tables/source-split.ts";
import type { ConsumerDispatch } from "../../model/consumer-dispatch.ts";
import {
  type ExchangeUnits,
  type GpuPairs,
  exchangeUnits,
  isPairedByGpu,
  withinNodes,
} from "../../model/pool-exchange.ts";
import { type Placement, gpusInService } from "../../model/placement.ts";
import { type Topology, gpuCount } from "../../model/topology.ts";
import type { UndatedExchange } from "../expert-plane.ts";
import type { SentRow } from "../messages/sent-row.ts";

/** It is taken about so often. */
const TAKEN_EVERY_MS = 5000;
/** A rank that has sent no row for two minutes, and for three of its own, says nothing any more. */
const STALE_TAKES = 24;
const STALE_ROWS = 3;

const WORKED_OUT = "Worked out from what ranks report that their tokens selected, and the placement: ";
const SPLIT: Readonly<Record<ConsumerDispatch, string>> = {
  shares: `${WORKED_OUT}every rank splits an expert's tokens by the published shares.`,
  even: `${WORKED_OUT}every rank splits an expert's tokens evenly over its replicas.`,
  static: `${WORKED_OUT}a rank takes the replica on itself, else in its node; else, which one only the engine knows, it counts as spread over all.`,
  "rank-table": `${WORKED_OUT}each rank has one replica of an expert, near ones first, as the shares allow.`,
  priced: "",
};

/** What is said in place of a matrix. */
const UNKNOWN = {
  received: "Ranks report what their experts received, not where it came from.",
  whole: "Loads are reported for the whole pool: they do not say which rank a token comes from.",
  priced: "Priced dispatch picks replicas batch by batch, which counts do not show.",
  "rank-table": "A table with a replica for every rank of so large a pool is not worked out.",
} as const;

/** What source ranks were reported to send, put together by the pool's leader. */
export class WorkedOutExchange {
  readonly #dispatch: ConsumerDispatch;
  readonly #topology: Topology;
  readonly #units: ExchangeUnits;
  readonly #rows = new Map<number, { readonly row: SentRow; takes: number }>();
  /** By rank: the last row that says it by GPU. */
  readonly #byGpu = new Map<number, SentRow>();

  constructor(dispatch: ConsumerDispatch, topology: Topology) {
    this.#dispatch = dispatch;
    this.#topology = topology;
    this.#units = exchangeUnits(topology);
  }

  receive(row: SentRow): void {
    if (row.selections.length !== this.#units.units) return;
    this.#rows.set(row.rank, { row, takes: 0 });
    if (isPairedByGpu(this.#topology) && row.gpus.length === gpuCount(this.#topology))
      this.#byGpu.set(row.rank, row);
  }

  /**
   * @param placement in force; null before the first
   * @param reports what came since the last call: of source ranks, of ranks that count what they received, or of the pool
   */
  take(placement: Placement | null, reports: "source" | "received" | "whole"): UndatedExchange | null {
    for (const [rank, one] of this.#rows)
      if (++one.takes > Math.max(STALE_TAKES, (STALE_ROWS * one.row.spanMs) / TAKEN_EVERY_MS))
        this.#rows.delete(rank);
    if (reports !== "source") return this.#unknown(UNKNOWN[reports]);
    if (placement === null) return null;
    const dispatch = this.#dispatch;
    if ((dispatch === "priced" || dispatch === "rank-table") && !tellsDestinations(dispatch, placement))
      return this.#unknown(UNKNOWN[dispatch]);
    return this.#rows.size === 0 ? null : this.#matrix(placement);
  }

  #matrix(placement: Placement): UndatedExchange {
    const { by, units, unitOf } = this.#units;
    const selections = new Float32Array(units * units);
    let ownGpu = 0;
    let longestMs = 0;
    const inService = [...gpusInService(placement)];
    for (const rank of inService) {
      const row = this.#rows.get(rank)?.row;
      if (row === undefined) continue;
      const perMs = 1000 / row.spanMs;
      const first = unitOf[row.rank] * units;
      for (let to = 0; to < units; to++) selections[first + to] += row.selections[to] * perMs;
      ownGpu += row.own * perMs;
      longestMs = Math.max(longestMs, row.spanMs);
    }
    return {
      by,
      units,
      spanMs: longestMs,
      basis: "worked out",
      how: SPLIT[this.#dispatch],
      selections,
      tokens: new Float32Array(),
      ownGpu,
      ownNode: withinNodes(this.#units, this.#topology.gpusPerNode, selections),
      hopsPerToken: null,
      nodeHopsPerToken: null,
      silent: inService.filter((rank) => !this.#rows.has(rank)),
      gpus: this.#gpuPairs(inService),
    };
  }

  /** Of ranks that say something still. */
  #gpuPairs(ranks: readonly number[]): GpuPairs | null {
    if (!isPairedByGpu(this.#topology)) return null;
    const gpus = gpuCount(this.#topology);
    const selections = new Float32Array(gpus * gpus);
    for (const rank of ranks) {
      const row = this.#rows.has(rank) ? this.#byGpu.get(rank) : undefined;
      if (row === undefined) continue;
      for (let to = 0; to < gpus; to++) selections[rank * gpus + to] = (row.gpus[to] * 1000) / row.spanMs;
    }
    return { selections, tokens: new Float32Array() };
  }

  #unknown(how: string): UndatedExchange {
    const { by, units } = this.#units;
    return {
      by,
      units,
      spanMs: 0,
      basis: "unknown",
      how,
      selections: new Float32Array(),
      tokens: new Float32Array(),
      ownGpu: 0,
      ownNode: 0,
      hopsPerToken: null,
      nodeHopsPerToken: null,
      silent: [],
      gpus: null,
    };
  }
}
