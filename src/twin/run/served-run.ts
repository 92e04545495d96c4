import type { Hardware } from "../../core/cost/hardware.ts";
import type { PoolWindow } from "../../model/pool-window.ts";
import type { RankFault } from "../../model/rank-fault.ts";
import type { TraceRequest } from "../../model/traffic.ts";
import { UNLIMITED } from "../../serving/admission/unlimited.ts";
import { assignerOf } from "../assigners/assigner-of.ts";
import type { PoolStep } from "../simulated-pool.ts";
import type { StepBatch } from "../step-batch.ts";
import { Flights } from "./flights.ts";
import { KvLinks } from "./kv-links.ts";
import type { RequestRecord, RunEvent } from "./run-log.ts";
import type { RunPoolShape, VirtualRunOptions } from "./run-options.ts";
import { type PoolListener, RunPool } from "./run-pool.ts";
import type { VirtualRunResult } from "./run-result.ts";
import { RunTotals } from "./run-totals.ts";
import { Timeline } from "./timeline.ts";
import { windowPoint } from "./window-point.ts";

type Defaulted =
  | "hardware"
  | "decode"
  | "fidelity"
  | "policy"
  | "speculation"
  | "admission"
  | "faults"
  | "observer"
  | "again"
  | "measuredFromMs";
export type ServedRunOptions = VirtualRunOptions & Required<Pick<VirtualRunOptions, Defaulted>>;

/** A run: its pools, and what comes to them from outside - requests, intervals, faults. */
export class ServedRun implements PoolListener {
  readonly timeline = new Timeline();
  readonly totals: RunTotals;
  readonly #options: ServedRunOptions;
  readonly #flights: Flights;
  /** That which computes prompts first. */
  readonly #pools: readonly RunPool[];
  #exhausted = false;
  /** Requests of users who think. */
  #thinking = 0;

  constructor(options: ServedRunOptions) {
    const { measuredFromMs, measuredToMs, durationMs, decode, routing } = options;
    const { timeline } = this;
    this.#options = options;
    this.totals = new RunTotals(measuredFromMs, durationMs, measuredToMs);
    const admission = options.admission ?? UNLIMITED;
    const over = (record: RequestRecord) => this.#over(record);
    this.#flights = new Flights({ timeline, totals: this.totals, routing, admission, over });
    const prompts = this.#open(decode === null ? "pool" : "prefill", options);
    const pool = decode === null ? null : this.#open("decode", decode);
    this.#pools = pool === null ? [prompts] : [prompts, pool];
    const apart = pool === null ? null : { pool, links: new KvLinks(kvBandwidth(prompts, pool)) };
    this.#flights.serveBy({ prompts, apart });
    this.#receive(options.traffic[Symbol.iterator]());
    this.#tick();
    for (const fault of options.faults) this.#plan(fault);
  }

  /** Nothing is to come, nor in flight. */
  get over(): boolean {
    return this.#exhausted && this.#thinking === 0 && this.#flights.inFlight === 0;
  }

  /** Whatever is still in flight stays without an end. */
  end(): VirtualRunResult {
    for (const pool of this.#pools) pool.balance.closeWindow();
    return this.totals.result(this.timeline.now(), this.#pools);
  }

  stepBegins(pool: RunPool, step: PoolStep, batch: StepBatch): void {
    if (pool === this.#pools[0]) this.#options.recorder.record(this.timeline.now(), batch);
    this.totals.step(step, this.timeline.now());
  }

  stepEnds(pool: RunPool, { ms, prefillTokens, decoding }: PoolStep, startMs: number): void {
    this.#options.observer?.step({ pool: pool.name, startMs, ms, prefillTokens, decoding });
  }

  window(pool: RunPool, window: PoolWindow, fromMs: number): void {
    this.totals.window(pool, window, fromMs);
    this.#options.observer?.window(windowPoint(pool, window, this.timeline.now()));
  }

  event(event: RunEvent): void {
    this.#options.observer?.event(event);
  }

  #open(name: "pool" | "prefill" | "decode", shape: RunPoolShape): RunPool {
    const { timeline } = this;
    const { hardware, model, routing, seed } = this.#options;
    const role = name === "pool" ? "mixed" : name;
    const listeners = { listener: this, requests: this.#flights };
    const options = {
      ...this.#options,
      hardware,
      ...shape,
      begins: shape.begins,
      ...listeners,
      name,
      role,
      timeline,
    } as const;
    return new RunPool(options, ({ ranks, balance }) =>
      assignerOf(shape.assignment, {
        model,
        routing,
        seed,
        clock: timeline,
        topology: shape.topology,
        ranks: ranks.count,
        kvCapacityTokens: ranks.room.capacityTokens,
        runningPerRank: ranks.runningPerRank,
        map: balance.current,
      }),
    );
  }

  /** The next requests, when their time comes: those of one instant together. */
  #receive(traffic: Iterator<TraceRequest>, next = traffic.next()): void {
    if (next.done === true || next.value.arrivalMs > this.#options.durationMs) {
      this.#exhausted = true;
      return;
    }
    const { arrivalMs } = next.value;
    this.timeline.at(arrivalMs, () => {
      let following: IteratorResult<TraceRequest> = next;
      while (following.done !== true && following.value.arrivalMs <= arrivalMs) {
        this.#flights.arrive(following.value);
        following = traffic.next();
      }
      this.#receive(traffic, following);
    });
  }

  #over(record: RequestRecord): void {
    const { observer, again, durationMs } = this.#options;
    observer?.request(record);
    const next = again?.(record) ?? null;
    if (next === null || next.arrivalMs > durationMs) return;
    this.#thinking++;
    this.timeline.at(next.arrivalMs, () => {
      this.#thinking--;
      this.#flights.arrive(next);
    });
  }

  /** The interval of shares comes round for every pool; while nothing is in flight, with what happens next. */
  #tick(): void {
    const { sharesMs } = this.#options.cadence;
    const restsMs = this.#flights.inFlight === 0 ? this.timeline.nextMs : 0;
    this.timeline.at(Math.max(this.timeline.now() + sharesMs, restsMs), () => {
      for (const pool of this.#pools) pool.balance.tick();
      this.#tick();
    });
  }

  #plan({ pool: name, rank, atMs, noticedMs, forMs }: RankFault): void {
    const pool = this.#pools.find((one) => one.name === name);
    if (pool === undefined) throw new Error(`a run has no pool ${name}`);
    this.timeline.at(atMs, () => {
      pool.lose(rank, noticedMs);
      this.#flights.rankLost(pool, rank);
    });
    if (forMs !== null) this.timeline.at(atMs + forMs, () => pool.restore(rank));
  }
}

/** Bytes per second of a cache between two GPUs of different pools. */
function kvBandwidth(from: { readonly hardware: Hardware }, to: { readonly hardware: Hardware }): number {
  return Math.min(from.hardware.rdmaBandwidth, to.hardware.rdmaBandwidth);
}
