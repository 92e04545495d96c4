import type { TraceRequest } from "../../model/traffic.ts";
import { Admission, type AdmissionTicket } from "../../serving/admission/admission.ts";
import type { AdmissionLimits } from "../../serving/admission/limits.ts";
import type { Arrival } from "../assigners/rank-assigner.ts";
import type { RoutingSource } from "../routing-source.ts";
import type { KvLinks } from "./kv-links.ts";
import type { RequestOutcome, RequestRecord } from "./run-log.ts";
import type { RequestListener, RunPool } from "./run-pool.ts";
import type { RunTotals } from "./run-totals.ts";
import type { Timeline } from "./timeline.ts";
import { VirtualFlight } from "./virtual-flight.ts";

/** As the gateway's `retry.maxAttempts`. */
const MOST_ATTEMPTS = 3;
const ANONYMOUS = "anonymous";
const NO_ROUTING = { base: 0, offset: 0, length: 0, tenant: null };

/** Where requests are served: prompts and answers by the same ranks, or apart. */
export interface ServingPools {
  readonly prompts: RunPool;
  /** With the way that caches take there; null where the same ranks decode. */
  readonly apart: { readonly pool: RunPool; readonly links: KvLinks } | null;
}

export interface FlightsOptions {
  readonly timeline: Timeline;
  readonly totals: RunTotals;
  readonly routing: RoutingSource;
  readonly admission: AdmissionLimits;
  /** A request has its end. */
  readonly over: (record: RequestRecord) => void;
}

/** A run's requests, between admission and the pools: takes each through its life (`VirtualFlight`). */
export class Flights implements RequestListener {
  readonly #options: FlightsOptions;
  readonly #admission: Admission;
  /** By attempt. */
  readonly #flying = new Map<number, VirtualFlight>();
  readonly #tickets = new Map<VirtualFlight, AdmissionTicket>();
  #pools: ServingPools | null = null;
  #longest = 0;
  #attempts = 0;
  #arrived = 0;
  /** Requests that are not over, those that wait for admission included. */
  inFlight = 0;

  constructor(options: FlightsOptions) {
    const { admission, timeline } = options;
    this.#options = options;
    this.#admission = new Admission(admission, timeline, timeline);
  }

  /** Once, before the first request. */
  serveBy(pools: ServingPools): void {
    const { prompts, apart } = pools;
    this.#pools = pools;
    this.#longest = Math.min(
      prompts.ranks.maxRequestTokens,
      apart?.pool.ranks.maxRequestTokens ?? Number.POSITIVE_INFINITY,
    );
  }

  arrive(request: TraceRequest): void {
    const { totals, routing } = this.#options;
    const tokens = request.inputTokens + request.outputTokens;
    const fits = tokens <= this.#longest;
    const flight = new VirtualFlight(++this.#arrived, request, fits ? routing.admit(tokens) : NO_ROUTING);
    totals.arrived();
    this.inFlight++;
    if (!fits) {
      const why = `has ${tokens} tokens, more than the ${this.#longest} that a rank's cache holds`;
      return this.#over(flight, "refused", why);
    }
    const ticket = this.#admission.apply({
      tenant: flight.routing.tenant ?? ANONYMOUS,
      priority: 0,
      tokens,
      granted: () => {
        totals.admitted(flight);
        this.#send(flight);
      },
      refused: ({ message }) => this.#over(flight, "refused", message),
    });
    if (flight.stage === "over") ticket.leave(true);
    else this.#tickets.set(flight, ticket);
  }

  placed(pool: RunPool, { id }: Arrival, rank: number): void {
    const flight = this.#of(id);
    if (pool !== this.#prompts) return this.#sendCache(flight, rank);
    flight.stage = "prompt";
    flight.prompt = { pool: pool.name, rank };
    pool.submit(id);
  }

  started(pool: RunPool, id: number): void {
    const flight = this.#of(id);
    if (pool === this.#prompts) {
      if (Number.isNaN(flight.startedMs)) flight.startedMs = this.#options.timeline.now();
      flight.cachedTokens = pool.ranks.cachedOf(id);
      return;
    }
    // The first token comes with its cache.
    flight.stage = "decoding";
    this.#token(flight);
  }

  token(pool: RunPool, id: number): void {
    const flight = this.#of(id);
    if (this.#goesOn(flight, pool)) return;
    if (flight.stage === "prompt") flight.stage = "decoding";
    this.#token(flight);
  }

  finished(pool: RunPool, id: number): void {
    const flight = this.#of(id);
    if (this.#goesOn(flight, pool)) {
      flight.stage = "travelling";
      this.#apart?.pool.accept(this.#arrivalOf(flight));
      return;
    }
    if (pool === this.#prompts && this.#apart !== null) pool.release(id);
    this.#over(flight, "completed", null);
  }

  preempted(_pool: RunPool, id: number): void {
    this.#of(id).preemptions++;
    this.#options.totals.preempted();
  }

  lost(pool: RunPool, id: number, rank: number): void {
    const flight = this.#flying.get(id);
    if (flight !== undefined) this.#again(flight, pool, rank);
  }

  /** A rank is lost: caches that are on their way from there, or wait for it, are lost with it. */
  rankLost(pool: RunPool, rank: number): void {
    const flights = [...this.#flying.values()];
    if (pool === this.#prompts) {
      for (const flight of flights)
        if (flight.stage === "travelling" && flight.prompt?.rank === rank) this.#again(flight, pool, rank);
    }
    if (pool.serves) return;
    for (const flight of flights) if (flight.stage !== "over") this.#drop(flight, pool);
  }

  get #prompts(): RunPool {
    if (this.#pools === null) throw new Error("a run has no pools yet");
    return this.#pools.prompts;
  }

  get #apart(): ServingPools["apart"] {
    return this.#pools?.apart ?? null;
  }

  /** Whether a request that this pool is done with has still to decode elsewhere. */
  #goesOn({ request }: VirtualFlight, pool: RunPool): boolean {
    return this.#apart !== null && pool === this.#prompts && request.outputTokens > 1;
  }

  #send(flight: VirtualFlight): void {
    flight.stage = "waiting";
    flight.attempts++;
    flight.attempt = ++this.#attempts;
    this.#flying.set(flight.attempt, flight);
    const without = [this.#prompts, this.#apart?.pool].find((pool) => pool?.serves === false);
    if (without === undefined) this.#prompts.accept(this.#arrivalOf(flight));
    else this.#drop(flight, without);
  }

  #arrivalOf({ attempt, request, routing, tried }: VirtualFlight): Arrival {
    const cacheTokens = this.#prompts.ranks.room.tokensOf(request.inputTokens + request.outputTokens);
    return { id: attempt, ...request, cacheTokens, routing, tried };
  }

  #sendCache(flight: VirtualFlight, rank: number): void {
    const { attempt, prompt, request } = flight;
    const { timeline } = this.#options;
    const prompts = this.#prompts;
    if (this.#apart === null || prompt === null) return;
    const { pool, links } = this.#apart;
    flight.decoding = { pool: pool.name, rank };
    const bytes = prompts.ranks.kvBytes(request.inputTokens);
    flight.callOff = timeline.at(links.send(timeline.now(), prompt.rank, rank, bytes), () => {
      flight.callOff = null;
      prompts.release(attempt);
      pool.submit(attempt);
    });
  }

  #token(flight: VirtualFlight): void {
    const { totals, timeline } = this.#options;
    if (!flight.answered) {
      this.#prompts.answered(flight.attempt);
      this.#apart?.pool.answered(flight.attempt);
    }
    totals.token(flight, timeline.now());
  }

  /** As long as its client has no token it is sent again; else it cannot go on. */
  #again(flight: VirtualFlight, lostBy: RunPool, rank: number): void {
    this.#withdraw(flight, lostBy);
    if (lostBy === this.#prompts) flight.tried.push(rank);
    if (!flight.answered && flight.attempts < MOST_ATTEMPTS) {
      this.#options.totals.resent();
      return this.#send(flight);
    }
    const when = flight.answered ? "after its first token" : `${MOST_ATTEMPTS} times`;
    this.#over(flight, "failed", `its rank was lost ${when} (rank ${rank} of ${lostBy.name})`);
  }

  #drop(flight: VirtualFlight, pool: RunPool): void {
    this.#withdraw(flight, null);
    this.#over(flight, "failed", `no rank of ${pool.name} is left`);
  }

  /** Leaves no trace of an attempt in either pool. @param lostBy has none any more */
  #withdraw(flight: VirtualFlight, lostBy: RunPool | null): void {
    const { attempt } = flight;
    this.#flying.delete(attempt);
    flight.callOff?.();
    flight.callOff = null;
    for (const pool of [this.#prompts, this.#apart?.pool]) {
      if (pool === undefined || pool === lostBy) continue;
      pool.withdraw(attempt);
      pool.release(attempt);
    }
    flight.decoding = null;
  }

  #over(flight: VirtualFlight, outcome: RequestOutcome, reason: string | null): void {
    const { totals, timeline, over } = this.#options;
    const nowMs = timeline.now();
    flight.stage = "over";
    this.inFlight--;
    this.#flying.delete(flight.attempt);
    totals.over(flight, outcome, nowMs);
    over(flight.record(outcome, reason, nowMs));
    const ticket = this.#tickets.get(flight);
    this.#tickets.delete(flight);
    ticket?.leave(true);
  }

  #of(attempt: number): VirtualFlight {
    const flight = this.#flying.get(attempt);
    if (flight === undefined) throw new Error(`no request has the attempt ${attempt}`);
    return flight;
  }
}
