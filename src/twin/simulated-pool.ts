import { H800, type Hardware } from "../core/cost/hardware.ts";
import { attentionWindows } from "../core/cost/attention-work.ts";
import { KvRoom } from "../core/cost/kv-room.ts";
import type { ReplicaMap } from "../model/replica-map.ts";
import { Rng } from "../lib/rng.ts";
import { countMoves } from "../core/migration/moves.ts";
import { transferMs } from "../core/migration/transfer-time.ts";
import type { DispatchPolicy } from "../model/dispatch-policy.ts";
import type { Fidelity } from "../model/fidelity.ts";
import type { MoeModel } from "../model/moe-model.ts";
import type { Placement } from "../model/placement.ts";
import type { PoolWindow, RankState } from "../model/pool-window.ts";
import { gpuCount } from "../model/topology.ts";
import type { ForwardPass } from "./fidelity/forward-pass.ts";
import { ForwardPasses } from "./fidelity/forward-passes.ts";
import { PoolMeter } from "./pool-meter.ts";
import { RankQueue } from "./rank-queue.ts";
import type { RoutingSource } from "./routing-source.ts";
import type { PoolRequest, SimulatedRequest } from "./simulated-request.ts";
import { type StepBatch, composeStep, stepBatch } from "./step-batch.ts";
import { TokenDraw } from "./token-draw.ts";

export interface PoolOptions {
  readonly model: MoeModel;
  readonly routing: RoutingSource;
  readonly dispatch: DispatchPolicy;
  readonly seed: number;
  readonly hardware?: Hardware;
  /** Exact unless said otherwise. */
  readonly fidelity?: Fidelity;
}

/** Tokens a rank forwards per step at most: bounds how long a prompt holds up everybody's next token. */
const STEP_TOKENS_PER_RANK = 2048;
/** Requests a rank decodes at once: DeepSeek-V3 on SGLang ran 256 per GPU (LMSYS, 96 × H100). */
const RUNNING_PER_RANK = 256;

/** One step of the pool. */
export interface PoolStep {
  readonly tokens: number;
  /** Of these, tokens of prompts. */
  readonly prefillTokens: number;
  /** Requests that decoded. */
  readonly decoding: number;
  /** How long it takes on the modelled hardware. */
  readonly ms: number;
  /** Requests that got an output token in this step, once for each, and of those the ones that are now complete. */
  readonly made: readonly number[];
  readonly finished: readonly number[];
  /** Requests of which this was the first forward pass. */
  readonly started: readonly number[];
  /** Requests that had to give up their cache, and wait again. */
  readonly preempted: readonly number[];
}

/**
 * One expert-parallel pool: data-parallel attention on every rank, experts spread over all of them, all ranks in
 * lockstep. Time is what the caller says it is: `step` works out one forward pass and how long it lasts.
 */
export class SimulatedPool {
  /** The cache of each rank. */
  readonly room: KvRoom;
  /** Tokens a request may have in all: what one rank's cache holds. */
  readonly maxRequestTokens: number;
  readonly #model: MoeModel;
  readonly #routing: RoutingSource;
  readonly #passes: ForwardPasses;
  readonly #hardware: Hardware;
  readonly #ranks: RankQueue[];
  readonly #batch: StepBatch;
  readonly #draw: TokenDraw;
  readonly #requests = new Map<number, { request: SimulatedRequest; rank: RankQueue }>();
  readonly #endedCached = new Map<number, number>();
  #pass: ForwardPass;
  #meter: PoolMeter;

  constructor(options: PoolOptions, map: ReplicaMap) {
    const { topology } = map.placement;
    this.#model = options.model;
    this.#routing = options.routing;
    this.#hardware = options.hardware ?? H800;
    const { fidelity = "exact" } = options;
    this.#passes = new ForwardPasses({ ...options, fidelity, hardware: this.#hardware });
    const room = new KvRoom(options.model, topology, this.#hardware);
    this.room = room;
    const ranks = gpuCount(topology);
    this.#ranks = Array.from({ length: ranks }, () => new RankQueue(RUNNING_PER_RANK, room));
    this.maxRequestTokens = room.longestSequence;
    this.#batch = stepBatch(ranks, attentionWindows(options.model));
    this.#pass = this.#passes.by(map);
    this.#draw = new TokenDraw(new Rng(options.seed, 6));
    this.#meter = new PoolMeter(map.placement, this.#draw);
  }

  readonly runningPerRank = RUNNING_PER_RANK;
  setTransferring(_on: boolean): void {}
  release(_id: number): void {}

  /** Requests that wait or run. */
  get inFlight(): number {
    return this.#requests.size;
  }

  /** The replica map the next step dispatches by. */
  adopt(map: ReplicaMap): void {
    this.#pass = this.#passes.by(map);
  }

  /** How long the weights that a placement needs would travel; serving is taken not to be slowed by it. */
  transferMs(placement: Placement): number {
    return transferMs(
      this.#model,
      countMoves(this.#model, this.#pass.map.placement, placement),
      this.#hardware,
    );
  }

  submit(given: PoolRequest): void {
    const { id, rank, inputTokens, outputTokens, prefixBlocks = [], prefilled = false } = given;
    const request = {
      id,
      inputTokens,
      outputTokens,
      routing: given.routing ?? this.#routing.admit(inputTokens + outputTokens),
      prefixBlocks,
      prefilled: prefilled ? inputTokens : 0,
      cached: 0,
      made: prefilled ? 1 : 0,
      started: false,
    };
    this.#requests.set(id, { request, rank: this.#ranks[rank] });
    this.#ranks[rank].push(request);
  }

  /** Prompt tokens that were in its rank's cache when a request started; of one that is in the pool, or ended in the last step. */
  cachedOf(id: number): number {
    return this.#requests.get(id)?.request.cached ?? this.#endedCached.get(id) ?? 0;
  }

  /** A rank is gone, with its cache. @returns the requests that were there, which are forgotten */
  lose(rank: number): readonly number[] {
    const lost = this.#ranks[rank].lose();
    for (const { id } of lost) this.#requests.delete(id);
    return lost.map(({ id }) => id);
  }

  /** A rank is back, with an empty cache. */
  restore(rank: number): void {
    this.#ranks[rank].restore();
  }

  /** Frees a request's place and cache. Returns false when there is no such request (any more). */
  cancel(id: number): boolean {
    const held = this.#requests.get(id);
    if (held === undefined) return false;
    held.rank.remove(held.request);
    this.#requests.delete(id);
    return true;
  }

  /** One forward pass over everything that runs; null when nothing does. The batch stays readable until the next call. */
  step(): PoolStep | null {
    const parts = composeStep(this.#ranks, STEP_TOKENS_PER_RANK, this.#routing, this.#batch);
    if (parts.length === 0) return null;
    const ms = this.#pass.run(this.#batch, this.#meter);
    this.#endedCached.clear();
    const made: number[] = [];
    const finished: number[] = [];
    const started: number[] = [];
    let [prefillTokens, decoding] = [0, 0];
    for (const { request, tokens } of parts) {
      if (!request.started) {
        request.started = true;
        started.push(request.id);
      }
      if (request.prefilled < request.inputTokens) {
        prefillTokens += tokens;
        request.prefilled += tokens;
        if (request.prefilled < request.inputTokens) continue;
        this.#requests.get(request.id)?.rank.prefilled(request);
      } else decoding++;
      request.made++;
      made.push(request.id);
      if (request.made >= request.outputTokens) {
        finished.push(request.id);
        this.#endedCached.set(request.id, request.cached);
        this.cancel(request.id);
      }
    }
    const { tokens } = this.#batch;
    return { tokens, prefillTokens, decoding, ms, made, finished, started, preempted: [] };
  }

  /** Prompt tokens that ranks had in their caches, since the start. */
  get cachedTokens(): number {
    return this.#ranks.reduce((sum, rank) => sum + rank.cachedTokens, 0);
  }

  /** The tokens of the last step. */
  get batch(): StepBatch {
    return this.#batch;
  }

  /** What happened since the last call, which took `spanMs`. */
  takeWindow(spanMs: number): PoolWindow {
    const window = this.#meter.window(spanMs, this.#routing, this.rankStates());
    this.#meter = new PoolMeter(this.#pass.map.placement, this.#draw);
    return window;
  }

  /** What each rank carries now. */
  rankStates(): readonly RankState[] {
    return this.#ranks.map((rank) => rank.state());
  }
}
