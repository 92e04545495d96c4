import { addDecode, addPrefill, clearWork } from "../../core/cost/attention-work.ts";
import type { RoutingSource } from "../routing-source.ts";
import { type StepBatch, fillSources } from "../step-batch.ts";
import { type SimulatedRequest, decodes, knownTokens } from "./pool-request.ts";

/** A step while it is put together, rank by rank: whose tokens are forwarded. Reused from step to step. */
export class StepWork {
  readonly batch: StepBatch;
  /** `[size]`: requests that take part, and how many tokens of each. */
  readonly requests: SimulatedRequest[] = [];
  readonly counts: number[] = [];
  size = 0;
  /** Requests that had to give up their cache since this was last emptied. */
  preempted: number[] = [];
  readonly #routing: RoutingSource;
  #rank = 0;
  #rankFrom = 0;

  constructor(batch: StepBatch, routing: RoutingSource) {
    this.batch = batch;
    this.#routing = routing;
  }

  begin(): void {
    this.batch.tokens = 0;
    this.size = 0;
  }

  beginRank(rank: number): void {
    this.#rank = rank;
    this.#rankFrom = this.batch.tokens;
    clearWork(this.batch.work[rank]);
  }

  endRank(): void {
    const { batch } = this;
    fillSources(batch, this.#rank, this.#rankFrom, batch.tokens);
  }

  /** The next `count` tokens of a request: of its prompt, or its last one with what has been drafted behind it. */
  add(request: SimulatedRequest, count: number): void {
    const { batch } = this;
    const { computed } = request;
    const work = batch.work[this.#rank];
    if (decodes(request)) addDecode(work, computed + 1, batch.windows, count - 1);
    else {
      addPrefill(work, computed, count, batch.windows);
      if (computed + count === knownTokens(request)) work.sampled++;
    }
    const end = batch.tokens + count;
    if (end > batch.rows.length) {
      batch.rows = grown(batch.rows, end);
      batch.sources = grown(batch.sources, end);
    }
    this.#routing.rows(request.routing, computed, count, batch.rows, batch.tokens);
    batch.tokens = end;
    this.requests[this.size] = request;
    this.counts[this.size++] = count;
  }
}

function grown(array: Int32Array, least: number): Int32Array {
  const larger = new Int32Array(Math.max(least, array.length * 2));
  larger.set(array);
  return larger;
}
