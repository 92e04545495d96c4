import type { Hardware } from "../../core/cost/hardware.ts";
import type { Plan } from "../../core/planning/plan.ts";
import type { BalancePolicy } from "../../core/planning/balance-policy.ts";
import type { Cadence } from "../../model/cadence.ts";
import { unitsOfRank } from "../../model/engine-shape.ts";
import type { Fidelity } from "../../model/fidelity.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import type { PoolWindow } from "../../model/pool-window.ts";
import { type Topology, gpuCount } from "../../model/topology.ts";
import { type Arrival, type RankAssigner, noLoads } from "../assigners/rank-assigner.ts";
import type { EngineSettings } from "../engine-settings.ts";
import type { Batching } from "../pool/batching.ts";
import type { PoolRole } from "../pool/pool-role.ts";
import type { Speculation } from "../pool/speculation.ts";
import type { RoutingSource } from "../routing-source.ts";
import { type PoolStep, SimulatedPool } from "../simulated-pool.ts";
import type { StepBatch } from "../step-batch.ts";
import { PoolBalance } from "./pool-balance.ts";
import type { RunEvent } from "./run-log.ts";
import type { Timeline } from "./timeline.ts";

/** What a pool tells of its requests; ids are those of arrivals. */
export interface RequestListener {
  /** A rank is chosen; the request is in flight there once `submit` is called. */
  placed(pool: RunPool, arrival: Arrival, rank: number): void;
  /** Its first forward pass begins. */
  started(pool: RunPool, id: number): void;
  /** A token, for each that a step has made. */
  token(pool: RunPool, id: number): void;
  finished(pool: RunPool, id: number): void;
  preempted(pool: RunPool, id: number): void;
  /** Its rank is lost, and all that it had there. */
  lost(pool: RunPool, id: number, rank: number): void;
}

/** What a pool tells of itself. */
export interface PoolListener {
  /** A step begins. */
  stepBegins(pool: RunPool, step: PoolStep, batch: StepBatch): void;
  /** A step is over. */
  stepEnds(pool: RunPool, step: PoolStep, startMs: number): void;
  window(pool: RunPool, window: PoolWindow, fromMs: number): void;
  event(event: RunEvent): void;
}

export interface RunPoolOptions {
  readonly name: string;
  readonly role: PoolRole;
  readonly model: MoeModel;
  readonly topology: Topology;
  readonly hardware: Hardware;
  readonly routing: RoutingSource;
  readonly policy: BalancePolicy;
  readonly cadence: Cadence;
  readonly begins?: Plan | undefined;
  readonly fidelity: Fidelity;
  readonly seed: number;
  readonly batching?: Batching;
  readonly engine?: EngineSettings;
  readonly speculation?: Speculation | null;
  readonly timeline: Timeline;
  readonly listener: PoolListener;
  readonly requests: RequestListener;
}

interface Sent {
  readonly arrival: Arrival;
  readonly rank: number;
}

/** A pool in a virtual run: the ranks, what balances them, and who gives them requests. */
export class RunPool {
  readonly name: string;
  readonly role: PoolRole;
  readonly hardware: Hardware;
  readonly balance: PoolBalance;
  readonly ranks: SimulatedPool;
  readonly #timeline: Timeline;
  readonly #listener: PoolListener;
  readonly #requests: RequestListener;
  readonly #assigner: RankAssigner;
  readonly #loads: ReturnType<typeof noLoads>;
  readonly #sent = new Map<number, Sent>();
  #waiting: Arrival[] = [];
  #stepping = false;
  #beginning = false;
  /** Lost ranks that nobody has noticed yet, with what calls that off: the others wait for them in the exchange. */
  readonly #unnoticed = new Map<number, () => void>();

  /** @param assign makes the assigner, by what the ranks can hold */
  constructor(options: RunPoolOptions, assign: (pool: RunPool) => RankAssigner) {
    const { name, role, hardware, timeline, listener, policy } = options;
    this.name = name;
    this.role = role;
    this.hardware = hardware;
    this.#timeline = timeline;
    this.#listener = listener;
    this.#requests = options.requests;
    this.balance = new PoolBalance({
      ...options,
      adopt: (plan) => {
        this.ranks.adopt(plan);
        this.#assigner.adopt(plan);
      },
      transferring: (on) => this.ranks.setTransferring(on),
      window: (spanMs) => this.ranks.takeWindow(spanMs),
      observed: (window, fromMs) => {
        this.#assigner.reported?.(window.ranks);
        listener.window(this, window, fromMs);
      },
    });
    this.ranks = new SimulatedPool({ ...options, dispatch: policy.dispatch }, this.balance.current);
    this.#loads = noLoads(this.ranks.count);
    this.#assigner = assign(this);
    this.#assigner.adopt(this.balance.current);
  }

  /** Requests that wait for a rank. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Whether any rank is left. */
  get serves(): boolean {
    return this.#loads.serves.includes(1);
  }

  /** A request gets a rank now, or when there is one for it. */
  accept(arrival: Arrival): void {
    this.#waiting.push(arrival);
    if (this.#assigner.composes !== true) this.#assign();
    this.#wake();
  }

  /** A request that was placed begins to wait on its rank. */
  submit(id: number): void {
    const { arrival, rank } = this.#sentOf(id);
    const { inputTokens, outputTokens, routing, prefixBlocks } = arrival;
    const prefilled = this.role === "decode";
    const blocks = prefixBlocks === undefined ? {} : { prefixBlocks };
    this.ranks.submit({ id, rank, inputTokens, outputTokens, routing, prefilled, ...blocks });
    this.#wake();
  }

  /** A request that waits, or was placed, is not to be served any more. */
  withdraw(id: number): void {
    const sent = this.#sent.get(id);
    if (sent === undefined) this.#waiting = this.#waiting.filter((arrival) => arrival.id !== id);
    else {
      this.ranks.cancel(id);
      this.#forget(sent);
      this.#assigner.failed?.(sent.arrival);
    }
  }

  /**
   * A rank dies. The others wait for it in every exchange, until it is noticed.
   * @param noticedMs after so long
   */
  lose(rank: number, noticedMs: number): void {
    if (this.#loads.serves[rank] === 0) return;
    this.#loads.serves[rank] = 0;
    this.#tell("rank-lost", `rank ${rank} is lost`);
    this.ranks.lose(rank);
    const gone = [...this.#sent].filter(([, sent]) => sent.rank === rank);
    for (const [id, sent] of gone) {
      this.#forget(sent);
      this.#assigner.failed?.(sent.arrival);
      this.#requests.lost(this, id, rank);
    }
    const notice = this.#timeline.at(this.#timeline.now() + noticedMs, () => {
      this.#unnoticed.delete(rank);
      this.balance.lose(rank, unitsOfRank(rank, this.ranks.count, gpuCount(this.balance.topology)));
      this.#wake();
    });
    this.#unnoticed.set(rank, notice);
  }

  /** A rank is there again, without what it had. */
  restore(rank: number): void {
    if (this.#loads.serves[rank] === 1) return;
    this.#loads.serves[rank] = 1;
    this.#tell("rank-back", `rank ${rank} is back`);
    this.ranks.restore(rank);
    this.#assigner.returned?.(rank);
    const unnoticed = this.#unnoticed.get(rank);
    if (unnoticed === undefined) this.balance.restore(rank);
    else {
      unnoticed();
      this.#unnoticed.delete(rank);
    }
    this.#assign();
    this.#wake();
  }

  /** The cache of a request whose prompt was computed here has travelled, or is of no use any more. */
  release(id: number): void {
    this.ranks.release(id);
    this.#wake();
  }

  /** The first token of a request is with its client. */
  answered(id: number): void {
    const sent = this.#sent.get(id);
    if (sent !== undefined) this.#assigner.answered?.(sent.arrival);
  }

  #assign(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    const rankOf = this.#assigner.assign(waiting, this.#loads);
    this.#waiting = waiting.filter((_, i) => rankOf[i] < 0);
    for (const [i, arrival] of waiting.entries()) {
      if (rankOf[i] < 0) continue;
      this.#sent.set(arrival.id, { arrival, rank: rankOf[i] });
      this.#requests.placed(this, arrival, rankOf[i]);
    }
  }

  /** A step begins once everything else of this instant has happened. */
  #wake(): void {
    if (this.#stepping || this.#beginning || this.#unnoticed.size > 0) return;
    this.#beginning = true;
    this.#timeline.at(this.#timeline.now(), () => {
      // Requests that get their rank as the step begins are in it: they ask for no other.
      if (this.#unnoticed.size === 0) this.#begin();
      this.#beginning = false;
    });
  }

  #begin(): void {
    this.#assign();
    const step = this.ranks.step();
    if (step === null) return;
    const startMs = this.#timeline.now();
    this.#stepping = true;
    this.#listener.stepBegins(this, step, this.ranks.batch);
    for (const id of step.started) this.#requests.started(this, id);
    this.#timeline.at(startMs + step.ms, () => this.#end(step, startMs));
  }

  #end(step: PoolStep, startMs: number): void {
    this.#stepping = false;
    // Of those whose rank was lost meanwhile nothing is heard any more.
    for (const id of step.made) if (this.#sent.has(id)) this.#requests.token(this, id);
    for (const id of step.preempted) if (this.#sent.has(id)) this.#requests.preempted(this, id);
    for (const id of step.finished) {
      const sent = this.#sent.get(id);
      if (sent === undefined) continue;
      this.#forget(sent);
      this.#assigner.finished(sent.arrival);
      this.#requests.finished(this, id);
    }
    this.#listener.stepEnds(this, step, startMs);
    this.#wake();
  }

  #forget({ arrival, rank }: Sent): void {
    this.#sent.delete(arrival.id);
    this.#loads.requests[rank]--;
    this.#loads.tokens[rank] -= arrival.cacheTokens;
  }

  #sentOf(id: number): Sent {
    const sent = this.#sent.get(id);
    if (sent === undefined) throw new Error(`request ${id} was not placed in ${this.name}`);
    return sent;
  }

  #tell(kind: RunEvent["kind"], text: string): void {
    this.#listener.event({ pool: this.name, atMs: this.#timeline.now(), kind, text });
  }
}
