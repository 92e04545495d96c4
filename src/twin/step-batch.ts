import {
  type AttentionWork,
  addDecode,
  addPrefill,
  clearWork,
  noAttentionWork,
} from "../core/cost/attention-work.ts";
import { unitOf } from "../model/engine-shape.ts";
import type { EngineSettings } from "./engine-settings.ts";
import type { RankQueue } from "./rank-queue.ts";
import type { RoutingSource } from "./routing-source.ts";
import type { SimulatedRequest } from "./simulated-request.ts";

/** What one forward pass of the pool works on: every rank's tokens, side by side. Reused from step to step. */
export interface StepBatch {
  tokens: number;
  /** `[tokens]`: the expert unit each token begins at (EngineShape): its rank's, which without tensor parallelism are one. */
  sources: Int32Array;
  /** `[tokens]`: the row of each token in the routing source. */
  rows: Int32Array;
  /** `[ranks]` */
  readonly work: AttentionWork[];
  readonly units: number;
  /** Of the model's attention (`attentionWindows`). */
  readonly windows: readonly number[];
}

export function stepBatch(ranks: number, units: number, windows: readonly number[]): StepBatch {
  return {
    tokens: 0,
    sources: new Int32Array(1024),
    rows: new Int32Array(1024),
    work: Array.from({ length: ranks }, () => noAttentionWork(windows.length)),
    units,
    windows,
  };
}

/** A part of a request forwarded in a step: so many tokens from its position on. */
export interface ForwardedPart {
  readonly request: SimulatedRequest;
  readonly tokens: number;
}

/**
 * Continuous batching with chunked prefill: every rank forwards one token of each decoding request, then prompt
 * tokens in order of arrival while its budget lasts. Where prompts go apart, no request decodes while any rank has some.
 */
export function composeStep(
  ranks: readonly RankQueue[],
  { stepTokens, promptsApart }: Pick<EngineSettings, "stepTokens" | "promptsApart">,
  routing: RoutingSource,
  batch: StepBatch,
): ForwardedPart[] {
  const parts: ForwardedPart[] = [];
  batch.tokens = 0;
  for (const queue of ranks) queue.admit();
  const decodes = !promptsApart || !ranks.some(hasPrompts);
  for (let rank = 0; rank < ranks.length; rank++) {
    const queue = ranks[rank];
    const work = batch.work[rank];
    clearWork(work);
    for (const request of queue.running) {
      if (!decodes || request.prefilled < request.inputTokens) continue;
      const position = request.inputTokens + request.made - 1;
      addDecode(work, position + 1, batch.windows);
      append(batch, rank, routing, request, position, 1);
      parts.push({ request, tokens: 1 });
    }
    for (const request of queue.running) {
      if (work.tokens >= stepTokens) break;
      const count = Math.min(request.inputTokens - request.prefilled, stepTokens - work.tokens);
      if (count <= 0) continue;
      addPrefill(work, request.prefilled, count, batch.windows);
      if (request.prefilled + count === request.inputTokens) work.sampled++;
      append(batch, rank, routing, request, request.prefilled, count);
      parts.push({ request, tokens: count });
    }
  }
  return parts;
}

function hasPrompts({ running }: RankQueue): boolean {
  return running.some(({ prefilled, inputTokens }) => prefilled < inputTokens);
}

/** Where tokens `from .. to` of a batch, which are a rank's, begin. */
export function fillSources(
  { sources, work, units }: Pick<StepBatch, "sources" | "work" | "units">,
  rank: number,
  from: number,
  to: number,
): void {
  const ranks = work.length;
  if (ranks >= units) sources.fill(unitOf(rank, 0, ranks, units), from, to);
  else for (let token = from; token < to; token++) sources[token] = unitOf(rank, token, ranks, units);
}

function append(
  batch: StepBatch,
  rank: number,
  routing: RoutingSource,
  request: SimulatedRequest,
  position: number,
  count: number,
): void {
  const end = batch.tokens + count;
  if (end > batch.rows.length) {
    batch.rows = grown(batch.rows, end);
    batch.sources = grown(batch.sources, end);
  }
  routing.rows(request.routing, position, count, batch.rows, batch.tokens);
  fillSources(batch, rank, batch.tokens, end);
  batch.tokens = end;
}

function grown(array: Int32Array, least: number): Int32Array {
  const larger = new Int32Array(Math.max(least, array.length * 2));
  larger.set(array);
  return larger;
}
