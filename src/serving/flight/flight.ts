import type { Unavailable } from "../../routing/plug-in.ts";
import type { RoutingTrace } from "../../model/routing-trace.ts";
import type { RoutableRequest } from "../../routing/routable-request.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Rng } from "../../lib/rng.ts";
import type { Admission, Applicant } from "../admission/admission.ts";
import { Attempt, type AttemptListener } from "./attempt.ts";
import type { Client } from "./client.ts";
import type { EngineRequest, EngineUnreachable, ResponseHeaders } from "../engine.ts";
import { failureKind } from "./failure-kind.ts";
import { generates } from "../request/generates.ts";
import { Leg } from "./leg.ts";
import { PairedExchange } from "./paired-exchange.ts";
import type { Pairing } from "../pairing.ts";
import { NoShardAvailable, type Refused } from "../refusals.ts";
import { BLOCK_TOKENS, type RequestFacts } from "../request/request-facts.ts";
import type { ServingPool } from "../serving-pool.ts";
import type { RetryBudget, RetrySettings } from "./retry-budget.ts";
import type { RequestTiming, TrafficMeter } from "../traffic/traffic-meter.ts";

/** Rooms are drawn from so many: two requests in flight hardly ever get the same. */
const MOST_ROOMS = 2 ** 31;
const NO_BODY = new Uint8Array(0);

/** What all flights share. */
export interface FlightDeck {
  readonly admission: Admission;
  readonly meter: TrafficMeter;
  readonly retry: RetrySettings;
  readonly retryBudget: RetryBudget;
  /** Send a second time when no first byte has come after so long; 0 for never. */
  readonly hedge: { readonly afterMs: number };
  /** When a client may try again that found no shard. */
  readonly retryAfterSeconds: number;
  readonly clock: Clock;
  readonly rng: Rng;
}

/** Statuses that say "not here, not now": the engine did not do the work, and another may. */
const ELSEWHERE = new Set([429, 502, 503, 504]);

/**
 * One request from admission to the last byte. Until the first byte has been relayed it may be sent again: to another
 * shard when one failed, within the retry budget, or to a second one at a time when the first is slow. After that
 * never. The shard whose first byte comes first has it.
 */
export class Flight implements Applicant, AttemptListener {
  readonly tenant: string;
  readonly priority: number;
  readonly tokens: number;
  readonly #deck: FlightDeck;
  readonly #pool: ServingPool;
  readonly #request: EngineRequest;
  readonly #client: Client;
  readonly #timing: RequestTiming;
  readonly #routable: RoutableRequest;
  readonly #tried: number[] = [];
  readonly #triedPrefill: number[] = [];
  readonly #epoch: number;
  /** Those on their way. */
  #attempts: Attempt[] = [];
  /** The one whose first byte was relayed. */
  #winner: Attempt | null = null;
  /** How often it was sent and may have begun. */
  #sent = 0;
  /** How often a connection was refused. */
  #refusedConnections = 0;
  #timer: NodeJS.Timeout | null = null;
  #leave: (() => void) | null = null;
  /** What the last shard that failed said. */
  #lastFault: string | null = null;
  #over = false;

  constructor(
    deck: FlightDeck,
    pool: ServingPool,
    facts: RequestFacts,
    model: string,
    request: EngineRequest,
    client: Client,
  ) {
    const outputTokens = pool.expectedOutput(facts.maxTokens);
    this.tenant = facts.tenant;
    this.priority = facts.priority;
    this.tokens = facts.inputTokens + outputTokens;
    this.#deck = deck;
    this.#pool = pool;
    this.#request = request;
    this.#client = client;
    this.#epoch = pool.snapshot?.epoch ?? 0;
    this.#timing = deck.meter.begin(pool.engine.pool);
    this.#routable = {
      model,
      inputTokens: facts.inputTokens,
      outputTokens,
      prefix: facts.prefix,
      blockTokens: BLOCK_TOKENS,
      affinityKey: facts.affinityKey,
      experts: pool.experts?.of(facts.tenant, facts.prefix) ?? null,
      pinnedRank: facts.rank,
      tried: this.#tried,
    };
  }

  /** Asks to be let in; everything else follows from that. */
  start(): this {
    this.#pool.flights++;
    const ticket = this.#deck.admission.apply(this);
    if (this.#over) ticket.leave(false);
    else this.#leave = () => ticket.leave(this.#sent > 0);
    return this;
  }

  granted(): void {
    this.#send();
    const { afterMs } = this.#deck.hedge;
    if (afterMs > 0 && !this.#over) this.#timer = setTimeout(() => this.#hedge(), afterMs);
  }

  refused(error: Refused): void {
    this.#refuse(error);
  }

  /** The client reads on after `data` returned false. */
  resume(): void {
    this.#winner?.exchange?.resume();
  }

  /** The client is gone. */
  cancel(): void {
    if (this.#over) return;
    for (const attempt of this.#attempts) attempt.cancel();
    this.#finish(false);
  }

  headersReceived(attempt: Attempt, status: number): void {
    if (!ELSEWHERE.has(status) || !this.#mayTryAgain(true)) return;
    this.#lastFault = `${attempt.leg.shard.id} answered ${status}.`;
    attempt.leg.turnedAway(status);
    attempt.cancel();
    this.#elsewhere(attempt, this.#tried, attempt.leg.index);
  }

  dataReceived(attempt: Attempt, chunk: Buffer): boolean {
    if (this.#winner === null) this.#choose(attempt);
    return this.#client.data(chunk);
  }

  routed(routing: RoutingTrace): void {
    this.#pool.routedLoad?.count(routing);
    this.#pool.experts?.observe(this.tenant, this.#routable.prefix, routing);
  }

  ended(attempt: Attempt): void {
    if (this.#winner === null) this.#choose(attempt);
    const { status } = attempt.response as ResponseHeaders;
    attempt.leg.finished();
    // A decode that refuses leaves its prefill waiting for it.
    if (status >= 400) attempt.cancel();
    this.#client.end();
    this.#finish(status >= 500);
  }

  failed(attempt: Attempt, fault: EngineUnreachable): void {
    attempt.leg.broke(failureKind(fault));
    attempt.cancel();
    this.#lost(attempt, this.#tried, attempt.leg.index, fault);
  }

  prefillFailed(attempt: Attempt, prefillShard: number, fault: EngineUnreachable): void {
    // A decode that has begun has all it needs of the prefill.
    if (this.#winner === attempt) return;
    attempt.cancel();
    this.#lost(attempt, this.#triedPrefill, prefillShard, fault);
  }

  #lost(attempt: Attempt, tried: number[], shard: number, fault: EngineUnreachable): void {
    this.#lastFault = fault.message;
    if (this.#winner !== null) {
      this.#client.brokenOff(fault);
      this.#finish(true);
    } else if (this.#mayTryAgain(fault.mayHaveBegun)) {
      this.#elsewhere(attempt, tried, shard);
    } else {
      this.#drop(attempt);
      if (this.#attempts.length > 0) return;
      this.#refuse(fault.mayHaveBegun ? fault : this.#unavailable("all_tried", this.#pool));
    }
  }

  #send(): void {
    const { engine, router, prefill } = this.#pool;
    const index = router.choose(this.#routable);
    if (index < 0) return this.#noShard(this.#pool, this.#routable);
    const now = this.#deck.clock.now();
    const { inputTokens, outputTokens } = this.#routable;
    if (prefill === null || !generates(this.#request.path)) {
      const attempt = this.#begin(new Leg(this.#pool, index, inputTokens, outputTokens, now));
      attempt.exchange = engine.send(attempt.leg.shard, this.#request, attempt);
      return;
    }
    const first = this.#prefillable;
    const prefillIndex = prefill.router.choose(first);
    if (prefillIndex < 0) return this.#noShard(prefill, first);
    const attempt = this.#begin(new Leg(this.#pool, index, inputTokens, outputTokens, now));
    attempt.exchange = new PairedExchange(
      {
        engine: prefill.engine,
        leg: new Leg(prefill, prefillIndex, inputTokens, 0, now),
        pairing: prefill.engine.pairing as Pairing,
        room: this.#deck.rng.below(MOST_ROOMS),
      },
      engine,
      this.#request,
      this.#request.body ?? NO_BODY,
      attempt,
      this.#deck.clock,
    );
  }

  #begin(leg: Leg): Attempt {
    const attempt = new Attempt(this, leg);
    this.#attempts.push(attempt);
    if (this.#sent++ === 0) this.#deck.retryBudget.began(this.#deck.clock.now());
    else this.#deck.meter.resent(this.#pool.engine.pool);
    return attempt;
  }

  /** The same request for those that prefill only. */
  get #prefillable(): RoutableRequest {
    return { ...this.#routable, outputTokens: 0, pinnedRank: -1, tried: this.#triedPrefill };
  }

  /** The first byte of this attempt goes to the client: the others are not needed. */
  #choose(attempt: Attempt): void {
    this.#winner = attempt;
    this.#clearTimer();
    for (const other of this.#attempts) if (other !== attempt) other.cancel();
    this.#attempts = [attempt];
    const head = attempt.response as ResponseHeaders;
    attempt.leg.answered(head.status, this.#deck.clock.now());
    this.#client.headers(head, attempt.leg.shard, this.#epoch);
  }

  #mayTryAgain(begun: boolean): boolean {
    const { retry, retryBudget, clock } = this.#deck;
    if (this.#winner !== null) return false;
    // What was never sent costs the engines nothing: every shard may be asked once.
    if (!begun) return this.#refusedConnections++ < this.#pool.states.count + retry.maxAttempts;
    return this.#sent < retry.maxAttempts + this.#refusedConnections && retryBudget.take(clock.now());
  }

  #elsewhere(failed: Attempt, tried: number[], shard: number): void {
    this.#drop(failed);
    tried.push(shard);
    if (this.#attempts.length === 0) this.#again();
  }

  #again(): void {
    this.#clearTimer();
    const { retryBudget, rng } = this.#deck;
    this.#timer = setTimeout(() => this.#send(), retryBudget.backoffMs(this.#sent, rng));
  }

  #drop(attempt: Attempt): void {
    this.#attempts = this.#attempts.filter((other) => other !== attempt);
  }

  /** A second shard, when the first has not begun to answer. */
  #hedge(): void {
    const [first] = this.#attempts;
    if (first === undefined || !this.#mayTryAgain(true)) return;
    this.#tried.push(first.leg.index);
    this.#send();
  }

  #noShard(pool: ServingPool, request: RoutableRequest): void {
    if (this.#attempts.length > 0) return;
    const reason = pool.router.unavailable(request) ?? "not_ready";
    if (request.tried.length > 0 && this.#mayTryAgain(true)) {
      this.#tried.length = 0;
      this.#triedPrefill.length = 0;
      this.#again();
    } else {
      this.#refuse(this.#unavailable(reason, pool));
    }
  }

  #unavailable(reason: Unavailable, { engine }: ServingPool): NoShardAvailable {
    return new NoShardAvailable(reason, engine.pool, this.#lastFault, this.#deck.retryAfterSeconds);
  }

  #refuse(error: Refused | NoShardAvailable | EngineUnreachable): void {
    this.#deck.meter.refused(this.#pool.engine.pool, error.reason);
    this.#client.refused(error);
    this.#finish(true);
  }

  #finish(failed: boolean): void {
    this.#over = true;
    this.#pool.flights--;
    this.#clearTimer();
    this.#leave?.();
    this.#leave = null;
    this.#timing.end(failed);
    if (this.#timing.frames > 0 && !failed) this.#pool.sawOutput(this.#timing.frames);
  }

  #clearTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** What the client's side measures. */
  get timing(): RequestTiming {
    return this.#timing;
  }
}
