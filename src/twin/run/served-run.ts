import type { Hardware } from "../../core/cost/hardware.ts";
import type { PoolWindow } from "../../model/pool-window.ts";
import type { RankFault } from "../../model/rank-fault.ts";
import type { TraceRequest } from "../../model/traffic.ts";
import { Admission, type AdmissionTicket } from "../../serving/admission/admission.ts";
import { UNLIMITED } from "../../serving/admission/unlimited.ts";
import { assignerOf } from "../assigners/assigner-of.ts";
import type { Arrival } from "../assigners/rank-assigner.ts";
import type { PoolStep } from "../simulated-pool.ts";
import type { StepBatch } from "../step-batch.ts";
import { KvLinks } from "./kv-links.ts";
import type { RequestOutcome, RunEvent } from "./run-log.ts";
import { type PoolListener, RunPool } from "./run-pool.ts";
import { RunTotals } from "./run-totals.ts";
import { Timeline } from "./timeline.ts";
import { VirtualFlight } from "./virtual-flight.ts";
import type { RunPoolShape, VirtualRunOptions } from "./run-options.ts";
import type { VirtualRunResult } from "./run-result.ts";
import { windowPoint } from "./window-point.ts";

/** As the gateway's `retry.maxAttempts`. */
const MOST_ATTEMPTS = 3;
const ANONYMOUS = "anonymous";

type Defaulted =
  | "hardware"
  | "decode"
  | "fidelity"
  | "policy"
  | "speculation"
  | "admission"
  | "faults"
  | "observer"
  | "measuredFromMs";
export type ServedRunOptions = VirtualRunOptions & Required<Pick<VirtualRunOptions, Defaulted>>;

/** A run's requests between admission and the pools; what happens to each is in `virtual-flight.ts`. */
export class ServedRun implements PoolListener {
  readonly timeline = new Timeline();
  readonly totals: RunTotals;
  readonly #options: ServedRunOptions;
  readonly #admission: Admission;
  readonly #prompts: RunPool;
  /** Null where the same ranks decode. */
  readonly #decoding: RunPool | null;
  readonly #links: KvLinks | null;
  readonly #longest: number;
  /** By attempt. */
  readonly #flights = new Map<number, VirtualFlight>();
  readonly #tickets = new Map<VirtualFlight, AdmissionTicket>();
  #attempts = 0;
  #inFlight = 0;
  #served = 0;
  #exhausted = false;

  constructor(options: ServedRunOptions) {
    const { measuredFromMs, durationMs, admission, decode, hardware, faults } = options;
    this.#options = options;
    this.totals = new RunTotals(measuredFromMs, durationMs);
    this.#admission = new Admission(admission ?? UNLIMITED, this.timeline, this.timeline);
    this.#prompts = this.#open(decode === null ? "pool" : "prefill", options);
    this.#decoding = decode === null ? null : this.#open("decode", decode);
    this.#links = decode === null ? null : new KvLinks(kvBandwidth(hardware, decode.hardware ?? hardware));
    this.#longest = Math.min(...this.#pools.map(({ ranks }) => ranks.maxRequestTokens));
    this.#arrivals(options.traffic[Symbol.iterator]());
    this.#ticks();
    for (const fault of faults) {
      const pool = this.#pools.find(({ name }) => name === fault.pool);
      if (pool === undefined) throw new Error(`a run has no pool ${fault.pool}`);
      this.timeline.at(fault.atMs, () => this.#lose(pool, fault));
      if (fault.forMs !== null) this.timeline.at(fault.atMs + fault.forMs, () => pool.restore(fault.rank));
    }
  }

  /** Nothing is to come, nor in flight. */
  get over(): boolean {
    return this.#exhausted && this.#inFlight === 0;
  }

  /** Whatever is still in flight stays without an end. */
  end(): VirtualRunResult {
    const nowMs = this.timeline.now();
    for (const pool of this.#pools) pool.balance.closeWindow();
    return this.totals.result(nowMs, this.#pools);
  }

  placed(pool: RunPool, arrival: Arrival, rank: number): void {
    const flight = this.#flightOf(arrival.id);
    if (pool === this.#decoding) this.#sendCache(flight, rank);
    else {
      flight.stage = "prompt";
      flight.prompt = { pool: pool.name, rank };
      pool.submit(arrival.id);
    }
  }

  started(pool: RunPool, id: number): void {
    const flight = this.#flightOf(id);
    if (pool === this.#prompts) {
      if (Number.isNaN(flight.startedMs)) flight.startedMs = this.timeline.now();
      flight.cachedTokens = pool.ranks.cachedOf(id);
      return;
    }
    // The first token comes with its cache.
    flight.stage = "decoding";
    this.#token(flight);
  }

  token(pool: RunPool, id: number): void {
    const flight = this.#flightOf(id);
    const decodesElsewhere = pool !== this.#decoding && this.#decoding !== null;
    if (decodesElsewhere && flight.request.outputTokens > 1) return;
    if (flight.stage === "prompt") flight.stage = "decoding";
    this.#token(flight);
  }

  finished(pool: RunPool, id: number): void {
    const flight = this.#flightOf(id);
    const here = pool === this.#decoding || this.#decoding === null;
    if (!here && flight.request.outputTokens > 1) return this.#handOver(flight, this.#decoding);
    if (!here) pool.release(id);
    this.#over(flight, "completed", null);
  }

  preempted(_pool: RunPool, id: number): void {
    this.#flightOf(id).preemptions++;
    this.totals.preempted();
  }

  /** Its client has no token yet: it is sent again. Else it cannot go on. */
  lost(pool: RunPool, id: number, rank: number): void {
    const flight = this.#flights.get(id);
    if (flight !== undefined) this.#lost(flight, pool, rank);
  }

  stepBegins(pool: RunPool, step: PoolStep, batch: StepBatch): void {
    if (pool === this.#prompts) this.#options.recorder.record(this.timeline.now(), batch);
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

  get #pools(): readonly RunPool[] {
    return this.#decoding === null ? [this.#prompts] : [this.#prompts, this.#decoding];
  }

  #open(name: string, shape: RunPoolShape): RunPool {
    const { timeline } = this;
    const { hardware, model, routing, seed } = this.#options;
    const role = name === "pool" ? "mixed" : name === "prefill" ? "prefill" : "decode";
    const options = { ...this.#options, hardware, ...shape, name, role, timeline, listener: this } as const;
    return new RunPool(options, ({ ranks, balance }) =>
      assignerOf(shape.assignment, {
        model,
        routing,
        seed,
        clock: timeline,
        topology: shape.topology,
        kvCapacityTokens: ranks.room.capacityTokens,
        runningPerRank: ranks.runningPerRank,
        map: balance.current,
      }),
    );
  }

  /** Requests of one instant arrive together. */
  #arrivals(traffic: Iterator<TraceRequest>): void {
    const next = traffic.next();
    const pump = ({ value, done }: IteratorResult<TraceRequest>) => {
      if (done === true || value.arrivalMs > this.#options.durationMs) {
        this.#exhausted = true;
        return;
      }
      this.timeline.at(value.arrivalMs, () => {
        let now: IteratorResult<TraceRequest> = { value };
        while (now.done !== true && now.value.arrivalMs <= value.arrivalMs) {
          this.#arrive(now.value);
          now = traffic.next();
        }
        pump(now);
      });
    };
    pump(next);
  }

  #arrive(request: TraceRequest): void {
    this.totals.arrived();
    const { routing } = this.#options;
    const tokens = request.inputTokens + request.outputTokens;
    const id = ++this.#served;
    if (tokens > this.#longest) {
      const none = { base: 0, offset: 0, length: 0, tenant: null };
      const hint = `has ${tokens} tokens, more than the ${this.#longest} that a rank's cache holds`;
      this.totals.refused();
      const flight = new VirtualFlight(id, request, none);
      this.#options.observer?.request(flight.record("refused", hint, this.timeline.now()));
      return;
    }
    const flight = new VirtualFlight(id, request, routing.admit(tokens));
    this.#inFlight++;
    const ticket = this.#admission.apply({
      tenant: flight.routing.tenant ?? ANONYMOUS,
      priority: 0,
      tokens,
      granted: () => {
        this.totals.admitted(flight);
        this.#send(flight);
      },
      refused: ({ message }) => {
        this.totals.refused();
        this.#over(flight, "refused", message);
      },
    });
    if (flight.stage !== "over") this.#tickets.set(flight, ticket);
  }

  #send(flight: VirtualFlight): void {
    flight.stage = "waiting";
    flight.attempts++;
    flight.attempt = ++this.#attempts;
    this.#flights.set(flight.attempt, flight);
    this.#prompts.accept(this.#arrivalOf(flight));
  }

  #arrivalOf({ attempt, request, routing, tried }: VirtualFlight): Arrival {
    const cacheTokens = this.#prompts.ranks.room.tokensOf(request.inputTokens + request.outputTokens);
    return { id: attempt, ...request, cacheTokens, routing, tried };
  }

  /** Its prompt is done, and it gets a rank that decodes. */
  #handOver(flight: VirtualFlight, decoding: RunPool | null): void {
    flight.stage = "travelling";
    decoding?.accept(this.#arrivalOf(flight));
  }

  #sendCache(flight: VirtualFlight, rank: number): void {
    const { attempt, prompt, request } = flight;
    if (this.#links === null || this.#decoding === null || prompt === null) return;
    flight.decoding = { pool: this.#decoding.name, rank };
    const bytes = this.#prompts.ranks.kvBytes(request.inputTokens);
    const there = this.#links.send(this.timeline.now(), prompt.rank, rank, bytes);
    flight.callOff = this.timeline.at(there, () => {
      flight.callOff = null;
      this.#prompts.release(attempt);
      this.#decoding?.submit(attempt);
    });
  }

  #token(flight: VirtualFlight): void {
    if (!flight.answered) {
      this.#prompts.answered(flight.attempt);
      this.#decoding?.answered(flight.attempt);
    }
    this.totals.token(flight, this.timeline.now());
  }

  #lose(pool: RunPool, { rank, noticedMs }: RankFault): void {
    pool.lose(rank, noticedMs);
    if (pool !== this.#prompts) return;
    // Caches that are on their way from there, or wait for it.
    const there = [...this.#flights.values()].filter(
      ({ stage, prompt }) => stage === "travelling" && prompt?.rank === rank,
    );
    for (const flight of there) this.#lost(flight, pool, rank);
  }

  #lost(flight: VirtualFlight, pool: RunPool, rank: number): void {
    this.#withdraw(flight, pool);
    if (pool === this.#prompts) flight.tried.push(rank);
    if (!flight.answered && flight.attempts < MOST_ATTEMPTS) {
      this.totals.resent();
      this.#send(flight);
      return;
    }
    this.totals.failed();
    const when = flight.answered ? "after its first token" : `${MOST_ATTEMPTS} times`;
    this.#over(flight, "failed", `its rank was lost ${when} (rank ${rank} of ${pool.name})`);
  }

  /** Leaves no trace of an attempt in either pool. */
  #withdraw(flight: VirtualFlight, lostBy: RunPool): void {
    const { attempt } = flight;
    this.#flights.delete(attempt);
    flight.callOff?.();
    flight.callOff = null;
    if (this.#decoding !== null && flight.stage !== "prompt") {
      if (lostBy !== this.#decoding) this.#decoding.withdraw(attempt);
      if (lostBy !== this.#prompts) this.#prompts.release(attempt);
    }
    flight.decoding = null;
  }

  #over(flight: VirtualFlight, outcome: RequestOutcome, reason: string | null): void {
    const nowMs = this.timeline.now();
    flight.stage = "over";
    this.#inFlight--;
    this.#flights.delete(flight.attempt);
    if (outcome === "completed") this.totals.completed(flight, nowMs);
    this.#options.observer?.request(flight.record(outcome, reason, nowMs));
    const ticket = this.#tickets.get(flight);
    this.#tickets.delete(flight);
    ticket?.leave(true);
  }

  /** The interval of shares comes round for every pool; while nothing is in flight, with what happens next. */
  #ticks(): void {
    const { sharesMs } = this.#options.cadence;
    const restsMs = this.#inFlight === 0 ? this.timeline.nextMs : 0;
    this.timeline.at(Math.max(this.timeline.now() + sharesMs, restsMs), () => {
      for (const pool of this.#pools) pool.balance.tick();
      this.#ticks();
    });
  }

  #flightOf(attempt: number): VirtualFlight {
    const flight = this.#flights.get(attempt);
    if (flight === undefined) throw new Error(`no request has the attempt ${attempt}`);
    return flight;
  }
}

/** Bytes per second of a cache between two GPUs of different pools. */
function kvBandwidth(from: Hardware, to: Hardware): number {
  return Math.min(from.rdmaBandwidth, to.rdmaBandwidth);
}
