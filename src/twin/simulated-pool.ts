import { attentionWindows } from "../core/cost/attention-work.ts";
import { H800, type Hardware } from "../core/cost/hardware.ts";
import { KvRoom } from "../core/cost/kv-room.ts";
import { countMoves } from "../core/migration/moves.ts";
import { TRANSFER_PART } from "../core/migration/transfer-part.ts";
import { transferMs } from "../core/migration/transfer-time.ts";
import { Rng } from "../lib/rng.ts";
import type { DispatchPolicy } from "../model/dispatch-policy.ts";
import { partOfModel, rankCount } from "../model/engine-shape.ts";
import type { Fidelity } from "../model/fidelity.ts";
import type { MoeModel } from "../model/moe-model.ts";
import type { Placement } from "../model/placement.ts";
import type { PoolWindow, RankState } from "../model/pool-window.ts";
import type { ReplicaMap } from "../model/replica-map.ts";
import { gpuCount } from "../model/topology.ts";
import { type EngineSettings, WIDE_EP_ENGINE } from "./engine-settings.ts";
import { type Batching, PLAIN_BATCHING } from "./pool/batching.ts";
import { DraftTime, withDraftLayer } from "./pool/draft-layer.ts";
import { PassSet } from "./pool/pass-set.ts";
import { finishStep } from "./pool/finish-step.ts";
import type { PoolRequest, SimulatedRequest } from "./pool/pool-request.ts";
import type { PoolRole } from "./pool/pool-role.ts";
import type { PoolStep } from "./pool/pool-step.ts";
import { Rank } from "./pool/rank.ts";
import { AcceptedDrafts, type Speculation } from "./pool/speculation.ts";
import { stepOrder } from "./pool/step-orders.ts";
import { SlowRanks } from "./pool/slow-ranks.ts";
import { StepWork } from "./pool/step-work.ts";
import { DispatchDetail } from "./dispatch-detail.ts";
import { PoolMeter } from "./pool-meter.ts";
import type { RoutingSource } from "./routing-source.ts";
import { type StepBatch, stepBatch } from "./step-batch.ts";
import { TokenDraw } from "./token-draw.ts";

export interface PoolOptions {
  readonly model: MoeModel;
  readonly routing: RoutingSource;
  readonly dispatch: DispatchPolicy;
  readonly seed: number;
  readonly hardware?: Hardware;
  /** Exact unless said otherwise. */
  readonly fidelity?: Fidelity;
  /** As `PLAIN_BATCHING` unless said otherwise. */
  readonly batching?: Batching;
  /**
   * Prefill: a request is complete with its first token, and keeps its cache until that is released. Decode pools get
   * requests that come with their caches; those that have to give them up are forwarded anew there. Mixed unless said.
   */
  readonly role?: PoolRole;
  readonly speculation?: Speculation | null;
  /** As `WIDE_EP_ENGINE` unless said otherwise. */
  readonly engine?: EngineSettings;
  /** Whether windows say who sends to whom and which experts are read; false unless said. */
  readonly detail?: boolean;
}

export type { PoolStep } from "./pool/pool-step.ts";

/**
 * One expert-parallel pool: sequences on ranks, experts spread over the GPUs of all of them, all ranks in lockstep. Time is what the caller says it is: `step` works out one forward pass and how long it lasts.
 */
export class SimulatedPool {
  /** The cache of each rank. */
  readonly room: KvRoom;
  /** Tokens a request may have in all: what one rank's cache holds, in whole pages. */
  readonly maxRequestTokens: number;
  /** Ranks there are: places for sequences. */
  readonly count: number;
  /** Requests that a rank runs at most. */
  readonly runningPerRank: number;
  readonly #model: MoeModel;
  /** What a GPU has of it. */
  readonly #part: MoeModel;
  readonly #routing: RoutingSource;
  readonly #hardware: Hardware;
  readonly #prefillOnly: boolean;
  readonly #passes: PassSet;
  readonly #ranks: readonly Rank[];
  readonly #work: StepWork;
  readonly #slow: SlowRanks;
  readonly #draw: TokenDraw;
  readonly #detail: boolean;
  readonly #drafts: AcceptedDrafts | null;
  readonly #draftTime: DraftTime | null;
  readonly #requests = new Map<number, SimulatedRequest>();
  /** What requests that ended in the last step had found in the cache. */
  readonly #endedCached = new Map<number, number>();
  #meter: PoolMeter;

  constructor(options: PoolOptions, map: ReplicaMap) {
    const { topology } = map.placement;
    const { model, hardware = H800, fidelity = "exact", batching = PLAIN_BATCHING } = options;
    const { speculation = null, seed, engine = WIDE_EP_ENGINE } = options;
    this.#model = model;
    this.#part = partOfModel(model, engine.shape);
    this.#routing = options.routing;
    this.#hardware = hardware;
    this.#prefillOnly = options.role === "prefill";
    this.#passes = new PassSet({ ...options, fidelity, hardware, engine }, map);
    const held = speculation === null ? model : withDraftLayer(model);
    const room = new KvRoom(held, topology, hardware, engine.shape);
    this.room = room;
    this.maxRequestTokens = room.longestSequence - (room.longestSequence % batching.pageTokens);
    this.runningPerRank = batching.runningPerRank;
    const ranks = rankCount(topology, engine.shape);
    this.count = ranks;
    this.#slow = new SlowRanks(ranks);
    const drafts = speculation?.draftTokens ?? 0;
    const order = () => stepOrder(batching);
    this.#ranks = Array.from({ length: ranks }, () => new Rank(batching, drafts, room, order));
    this.#work = new StepWork(stepBatch(ranks, attentionWindows(model), gpuCount(topology)), options.routing);
    this.#drafts = speculation === null ? null : new AcceptedDrafts(speculation, new Rng(seed, 11));
    this.#draftTime = speculation === null ? null : new DraftTime(model, topology, hardware, drafts, engine);
    this.#draw = new TokenDraw(new Rng(seed, 6));
    this.#detail = options.detail ?? false;
    this.#meter = this.#newMeter(map.placement);
  }

  /** Requests that wait or run, or whose cache is held for another pool. */
  get inFlight(): number {
    return this.#requests.size;
  }

  /** The replica map the next step dispatches by. */
  adopt(map: ReplicaMap): void {
    this.#passes.adopt(map);
  }

  /** How long the weights that a placement needs travel, in what tokens leave them of the network. */
  transferMs(placement: Placement): number {
    const moves = countMoves(this.#model, this.#passes.map.placement, placement);
    return transferMs(this.#part, moves, this.#hardware) / TRANSFER_PART;
  }

  /** While expert weights travel between nodes, steps share the network with them (`whileTransferring`). */
  setTransferring(on: boolean): void {
    this.#passes.transferring = on;
  }

  /** Bytes that the cache of a sequence of so many tokens takes, its states included. */
  kvBytes(tokens: number): number {
    return this.room.bytesOf(tokens);
  }

  submit(given: PoolRequest): void {
    const { id, rank, inputTokens, outputTokens, prefixBlocks = [], prefilled = false } = given;
    const request: SimulatedRequest = {
      id,
      rank,
      inputTokens,
      outputTokens: this.#prefillOnly ? 1 : outputTokens,
      routing: given.routing ?? this.#routing.admit(inputTokens + outputTokens),
      prefixBlocks,
      computed: prefilled ? inputTokens : 0,
      made: prefilled ? 1 : 0,
      room: 0,
      sharedBlocks: 0,
      sharedTokens: 0,
      drafting: prefilled,
      settled: 0,
      prompted: 0,
      leftover: null,
      cached: 0,
      started: false,
      over: false,
    };
    this.#ranks[rank].push(request);
    this.#requests.set(id, request);
  }

  /** Prompt tokens that were in its rank's cache when a request started; of one that is in the pool, or ended in the last step. */
  cachedOf(id: number): number {
    return this.#requests.get(id)?.cached ?? this.#endedCached.get(id) ?? 0;
  }

  /** Frees the cache that a complete request has kept for another pool. */
  release(id: number): void {
    this.cancel(id);
  }

  /** A rank is gone, with its cache. @returns the requests that waited, ran or had cache there, which are forgotten */
  lose(rank: number): readonly number[] {
    const lost = this.#ranks[rank].lose();
    for (const { id } of lost) this.#requests.delete(id);
    return lost.map(({ id }) => id);
  }

  /** A rank is back, with an empty cache. */
  restore(rank: number): void {
    this.#ranks[rank].restore();
  }

  /** A rank takes part in one forward pass of `factor`, a whole number ≥ 1. */
  slowDown(rank: number, factor: number): void {
    this.#slow.set(rank, factor);
  }

  /** Frees a request's place and cache. Returns false when there is no such request (any more). */
  cancel(id: number): boolean {
    const request = this.#requests.get(id);
    if (request === undefined) return false;
    this.#ranks[request.rank].remove(request);
    this.#requests.delete(id);
    return true;
  }

  /**
   * One forward pass over what the engine chooses of everything that runs; null when nothing can run: nothing is
   * there, or what is waits for cache that is held. The batch stays readable until the next call.
   */
  step(): PoolStep | null {
    const work = this.#work;
    const turns = this.#slow.compose(this.#ranks, work);
    if (work.size === 0) {
      for (const rank of this.#ranks) rank.idle();
      return null;
    }
    const passMs = this.#passes.run(work.batch, this.#meter);
    const draftMs = this.#draftTime?.ms(work.batch, passMs) ?? 0;
    const { ended, ...outcome } = finishStep(work, this.#ranks, this.#drafts, this.#prefillOnly);
    this.#endedCached.clear();
    for (const { id, cached } of ended) {
      this.#endedCached.set(id, cached);
      if (!this.#prefillOnly) this.#requests.delete(id);
    }
    const { preempted } = work;
    work.preempted = [];
    return { tokens: work.batch.tokens, ms: (passMs + draftMs) * turns, ...outcome, preempted };
  }

  /** Prompt tokens that ranks had in their caches, since the start. */
  get cachedTokens(): number {
    return this.#ranks.reduce((sum, rank) => sum + rank.cachedTokens, 0);
  }

  /** The tokens of the last step. */
  get batch(): StepBatch {
    return this.#work.batch;
  }

  /** What happened since the last call, which took `spanMs`. */
  takeWindow(spanMs: number): PoolWindow {
    const window = this.#meter.window(spanMs, this.#routing, this.rankStates());
    this.#meter = this.#newMeter(this.#passes.map.placement);
    return window;
  }

  #newMeter(placement: Placement): PoolMeter {
    const detail = this.#detail ? new DispatchDetail(placement.topology) : null;
    return new PoolMeter(placement, this.#draw, detail);
  }

  /** What each rank carries now. */
  rankStates(): readonly RankState[] {
    return this.#ranks.map((rank) => rank.state());
  }
}
