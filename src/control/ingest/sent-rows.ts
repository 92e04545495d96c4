import { type SourceSplit, sourceSplit } from "../../core/tables/source-split.ts";
import type { ReadonlyNumbers } from "../../lib/readonly-arrays.ts";
import type { ConsumerDispatch } from "../../model/consumer-dispatch.ts";
import { exchangeUnits, isPairedByGpu } from "../../model/pool-exchange.ts";
import type { RoutingSnapshot } from "../../model/snapshot.ts";
import { type Topology, gpuCount } from "../../model/topology.ts";
import type { SentRow } from "../messages/sent-row.ts";

/** Of a rank's reported time so much is worked out, and then nothing until so much is over: a report costs a tenth of a ms. */
const WORKED_OUT_MS = 1000;
const EVERY_MS = 5000;
/** Of pools that are shown by node, every so many rows of a rank are told by GPU too: they are larger. */
const GPUS_EVERY = 3;

interface SentRowsOptions {
  readonly dispatch: ConsumerDispatch;
  /** In force here; null before the first. */
  readonly snapshot: () => RoutingSnapshot | null;
}

interface OpenRow {
  /** Worked out so far. */
  spanMs: number;
  own: number;
  readonly selections: Float32Array;
  /** Empty where it is not told. */
  readonly gpus: Float32Array;
  /** Reported time that is passed over before the next begins. */
  restMs: number;
  /** Of the rank, before this one. */
  readonly rows: number;
}

/**
 * Which destinations source ranks send to: every few seconds, some of what a rank reports is added up over layers and
 * experts, by the snapshot in force then.
 */
export class SentRows {
  readonly #options: SentRowsOptions;
  readonly #open = new Map<number, OpenRow>();
  readonly #full = new Map<number, SentRow>();
  #of: RoutingSnapshot | null = null;
  #split: SourceSplit | null = null;

  constructor(options: SentRowsOptions) {
    this.#options = options;
  }

  /** @param counts `[layers][experts]`: what the rank's own tokens selected */
  add(rank: number, windowMs: number, counts: ReadonlyNumbers): void {
    const row = this.#open.get(rank);
    if (row !== undefined && row.restMs > 0) {
      row.restMs -= windowMs;
      return;
    }
    const snapshot = this.#options.snapshot();
    if (snapshot === null) return;
    if (snapshot !== this.#of) {
      this.#of = snapshot;
      this.#split = sourceSplit(this.#options.dispatch, snapshot);
    }
    if (this.#split === null) return;
    const { topology } = snapshot.placement;
    const open = row ?? newRow(topology, 0, 0);
    open.own += this.#split.add(rank, counts, open.selections, open.gpus);
    open.spanMs += windowMs;
    this.#open.set(rank, open);
    if (open.spanMs < WORKED_OUT_MS) return;
    const { spanMs, own, selections, gpus } = open;
    this.#full.set(rank, { rank, spanMs, own, selections, gpus });
    this.#open.set(rank, newRow(topology, EVERY_MS - spanMs, open.rows + 1));
  }

  /** Those that are whole since the last call, the latest of each rank. */
  take(): readonly SentRow[] {
    const full = [...this.#full.values()];
    this.#full.clear();
    return full;
  }
}

function newRow(topology: Topology, restMs: number, rows: number): OpenRow {
  const byGpu = isPairedByGpu(topology) && rows % GPUS_EVERY === 0;
  return {
    spanMs: 0,
    own: 0,
    selections: new Float32Array(exchangeUnits(topology).units),
    gpus: new Float32Array(byGpu ? gpuCount(topology) : 0),
    restMs,
    rows,
  };
}
