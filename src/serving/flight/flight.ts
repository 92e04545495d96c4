import type { Unavailable } from "../../routing/plug-in.ts";
import type { RoutingTrace } from "../../model/routing-trace.ts";
import type { AdmissionTicket, Applicant } from "../admission/admission.ts";
import {
  type EngineRequest,
  EngineUnreachable,
  type ResponseHeaders,
  type Shard,
  instanceOf,
} from "../engine.ts";
import { Unpairable } from "../pairing.ts";
import { InvalidRequest, NoShardAvailable, type Refused } from "../refusals.ts";
import { ResponseId } from "../affinity/response-id.ts";
import type { ModelRoute } from "../models/model-route.ts";
import { storesResponse } from "../request/api-routes.ts";
import type { RequestFacts } from "../request/request-facts.ts";
import type { ServingPool } from "../serving-pool.ts";
import type { RequestTiming } from "../traffic/traffic-meter.ts";
import type { RequestOutcome } from "../traffic/traffic-observer.ts";
import { FlightAccount } from "./account.ts";
import type { Attempt, AttemptListener } from "./attempt.ts";
import type { Carrier } from "./carrier.ts";
import type { AnswerEnd, Client } from "./client.ts";
import type { RequestTrace } from "../tracing/request-trace.ts";
import { Destination } from "./destination.ts";
import { isEventStream } from "./event-stream.ts";
import { failureKind } from "./failure-kind.ts";
import type { FlightDeck } from "./flight-deck.ts";
import { Leg } from "./leg.ts";
import { Resending } from "./resending.ts";
import { type NoShard, Sender } from "./sender.ts";
import { Sending, type Sent } from "./sending.ts";

const GOOD = 200;
/** From REFUSED on an answer is a failing one; from FAILED on it is the engine's fault. */
const REFUSED = 400;
const FAILED = 500;
/** What nginx logs where a client has left first. */
const CLIENT_LEFT = 499;
/**
 * Statuses with which a shard refuses for now, so that another may be tried. 504 is none of them: a proxy in between
 * has waited as long as a request may take, and the engine may still be working on it.
 */
const REFUSED_FOR_NOW = new Set([429, 502, 503]);

/**
 * The stages of a request:
 *
 * - `waiting`: it has an admission ticket, and no attempt was made;
 * - `sent`: attempts are under way, or the pause before the next one; the client has nothing;
 * - `answering`: the client has the response headers; from the first byte on one attempt answers it to the end;
 * - `over`.
 */
type Stage = "waiting" | "sent" | "answering" | "over";

/**
 * The life of one request, from admission to the last byte.
 *
 * Promise: every request that entered ends exactly once, in `#end`, and gives back every count it took, whatever
 * throws.
 *
 * Until its first byte it may be sent again: to another shard when one failed, within the retry budget, or to a second
 * one at a time when the first is slow; and to another pool of its model when no shard of this one can take it. Where a
 * reload has put another pool in the place of one, it is sent there from then on (`Destination` has both). It is never
 * sent again after its first byte, nor when a time limit ended an attempt on a server that answers others, since another
 * attempt would take as long, nor at all once a proxy was told where to send it (`Carrier`). The attempt with the first
 * good byte wins: a failing answer never ends another attempt under way.
 *
 * The response headers of a stream are relayed when they arrive, long before its first byte; when the shard fails in
 * between, another takes the stream over. With hedging they wait for the first byte, which decides the attempt.
 */
export class Flight implements Applicant, AttemptListener, Sent {
  readonly tenant: string;
  readonly priority: number;
  readonly tokens: number;
  readonly #deck: FlightDeck;
  readonly #destination: Destination;
  readonly #client: Client;
  readonly #account: FlightAccount;
  readonly #resending: Resending;
  readonly #sending: Sending;
  readonly #path: string;
  /** Whose its answer is, if its server keeps it. */
  readonly #owner: string | null;
  /** Who takes it to its shard; null for the engine. */
  readonly #carrier: Carrier | null;
  /** Who follows it; null for nobody. */
  readonly #trace: RequestTrace | null;
  #stage: Stage = "waiting";
  #queued = false;
  /** The attempts under way. */
  #attempts: Attempt[] = [];
  /** The attempt whose response headers were relayed, and the one whose first byte was: mostly the same. */
  #headersOf: Attempt | null = null;
  #winner: Attempt | null = null;
  /** An engine may have worked on it: its admission ticket is not refunded. */
  #worked = false;
  /** Looks for the id of a response that its server may keep. */
  #responseId: ResponseId | null = null;
  #ticket: AdmissionTicket | null = null;
  /** How the last attempt failed. */
  #lastFault: EngineUnreachable | null = null;

  constructor(
    deck: FlightDeck,
    route: ModelRoute,
    facts: RequestFacts,
    request: EngineRequest,
    client: Client,
    trace: RequestTrace | null = null,
    carrier: Carrier | null = null,
  ) {
    const destination = new Destination(route, facts, request, carrier);
    this.tenant = facts.tenant;
    this.priority = facts.priority;
    this.tokens = facts.inputTokens + destination.routable.outputTokens;
    this.#deck = deck;
    this.#destination = destination;
    this.#client = client;
    this.#path = request.path;
    this.#owner = facts.owner;
    this.#resending = new Resending(deck, destination, carrier !== null);
    this.#trace = trace;
    this.#carrier = carrier;
    this.#account = new FlightAccount(deck, destination, facts, request, trace, carrier);
    const sender = new Sender(deck, destination, this.#resending, this, trace, carrier);
    this.#sending = new Sending(deck, this, sender, this.#resending, destination);
  }

  /** Applies for admission; everything else follows from that. */
  start(): this {
    this.#destination.hold();
    this.guarded(() => {
      const ticket = this.#deck.admission.apply(this);
      if (this.#stage === "waiting") {
        this.#queued = true;
        this.#trace?.queued();
      }
      if (this.#stage === "over") ticket.leave(this.#worked);
      else this.#ticket = ticket;
    });
    return this;
  }

  granted(): void {
    this.guarded(() => {
      this.#stage = "sent";
      this.#trace?.admitted();
      if (this.#queued) this.#chooseAnew();
      this.#account.chosen();
      this.#sending.now();
    });
  }

  refused(error: Refused): void {
    this.#refuse(error, error.reason, "refused");
  }

  /** The client can take more, after `data` returned false. */
  resume(): void {
    this.guarded(() => this.#winner?.exchange?.resume());
  }

  /** The client is gone. */
  cancel(): void {
    this.#responds(CLIENT_LEFT, "cancelled");
    this.#end("cancelled");
  }

  headersReceived(attempt: Attempt, response: ResponseHeaders): void {
    const { status } = response;
    if (status >= REFUSED && this.#triesAnother(attempt, status)) {
      attempt.leg.refused(status);
      return this.#ignore(attempt, attempt.leg.shard.id, status);
    }
    if (this.#stage !== "sent" || attempt.awaitsPrefill || this.#deck.hedge.afterMs > 0) return;
    if (status === GOOD && isEventStream(response)) this.#relayHeaders(attempt, response);
  }

  dataReceived(attempt: Attempt, chunk: Buffer): boolean {
    if (this.#winner === null && !this.#choose(attempt)) return true;
    this.#responseId?.take(chunk);
    this.#account.take(chunk);
    const goesOn = this.#client.data(chunk);
    attempt.leg.firstToken(this.#account.timing.firstFrameMs);
    return goesOn;
  }

  routed(routing: RoutingTrace): void {
    this.#account.routed(routing);
  }

  ended(attempt: Attempt): void {
    if (this.#winner === null && !this.#choose(attempt)) return;
    const { status } = attempt.response as ResponseHeaders;
    const end = this.#client.end();
    if (end === "cut_short") attempt.leg.broke("reset");
    else if (end === "failed") attempt.leg.broke("status");
    else attempt.leg.finished();
    // A decode that refuses leaves its prefill waiting for it.
    if (status >= REFUSED || end !== "whole") attempt.cancel();
    this.#responds(status, errorTypeOf(status, end));
    this.#end(outcomeOf(status, end));
  }

  failed(attempt: Attempt, fault: EngineUnreachable): void {
    attempt.leg.broke(failureKind(fault));
    attempt.cancel();
    const atWork = fault.timedOut && attempt.leg.answers;
    this.#destination.tried(attempt.leg);
    this.#lost(attempt, fault, atWork);
  }

  prefillFailed(attempt: Attempt, prefill: Leg, fault: EngineUnreachable): void {
    // A decode that has begun has all it needs of the prefill.
    if (this.#winner === attempt) return;
    attempt.cancel();
    const atWork = fault.timedOut && prefill.answers;
    this.#destination.tried(prefill);
    this.#lost(attempt, fault, atWork);
  }

  prefillRefused(attempt: Attempt, prefill: Leg, status: number): boolean {
    // A decode that has begun has all it needs of the prefill.
    if (this.#winner !== null) return true;
    this.#destination.tried(prefill);
    const hasOthers = this.#attempts.length > 1;
    if (!hasOthers && !this.#mayResend(true, false)) return false;
    this.#ignore(attempt, prefill.shard.id, status);
    return true;
  }

  threw(error: unknown): void {
    if (this.#stage === "over") return;
    const fault = faultOf(error);
    const ofClient = fault instanceof InvalidRequest;
    if (!ofClient) this.#deck.onFault(fault);
    try {
      if (this.#stage === "answering") {
        this.#responds(this.#sentStatus, "internal");
        this.#client.brokenOff(fault);
      } else if (ofClient) this.#refuse(fault, "invalid_request", "client_error");
      else this.#refuse(fault, "internal", "failed");
    } finally {
      this.#end("failed");
    }
  }

  /** The proxy that carries it tried the next shard of its list, as it does where one takes no connections. */
  moved(attempt: Attempt, shard: Shard): void {
    const { pool } = attempt.leg;
    const { routable } = this.#destination;
    attempt.leg.broke("connect");
    const { current } = pool;
    const at = current.placeOf(instanceOf(shard));
    if (at >= 0) current.router.moved(routable, at);
    const uncached = at >= 0 ? current.router.uncached : routable.inputTokens;
    attempt.leg = new Leg(pool, shard.rank, routable, uncached, this.#deck.clock.now());
  }

  /** @internal Those under way. */
  get attempts(): readonly Attempt[] {
    return this.#attempts;
  }

  /** @internal */
  get decided(): boolean {
    return this.#winner !== null;
  }

  /** What the client's side measures. */
  get timing(): RequestTiming {
    return this.#account.timing;
  }

  /** @internal */
  guarded(step: () => void): void {
    if (this.#stage === "over") return;
    try {
      step();
    } catch (error) {
      this.threw(error);
    }
  }

  /**
   * An attempt is over without an answer.
   * @param atWork its server answers others: it is only slow, as another would be
   */
  #lost(attempt: Attempt, fault: EngineUnreachable, atWork: boolean): void {
    this.#drop(attempt);
    this.#worked ||= fault.mayHaveBegun;
    this.#lastFault = fault;
    if (this.#winner !== null) return this.#breakOff(fault);
    if (this.#attempts.length > 0) return;
    if (!atWork && this.#mayResend(fault.mayHaveBegun, !fault.timedOut)) return this.#sending.afterPause();
    this.#giveUp(fault.mayHaveBegun ? fault : this.#unavailable("all_tried", this.#destination.pool));
  }

  /** @internal */
  noShard({ pool, request }: NoShard): void {
    const from = this.#destination.pool;
    if (this.#destination.moveOn()) {
      this.#movedFrom(from);
      return this.#sending.now();
    }
    this.#giveUp(this.#unavailable(pool.router.unavailable(request) ?? "not_ready", pool));
  }

  /** It may go to another pool for that. */
  #mayResend(mayHaveBegun: boolean, again: boolean): boolean {
    const from = this.#destination.pool;
    const may = this.#resending.mayResend(mayHaveBegun, again);
    if (this.#destination.pool.line !== from.line) this.#movedFrom(from);
    return may;
  }

  #chooseAnew(): void {
    const from = this.#destination.pool;
    this.#destination.chooseAnew();
    this.#account.movedFrom(from);
  }

  #movedFrom(pool: ServingPool): void {
    this.#account.movedFrom(pool);
    this.#account.chosen();
  }

  began(attempt: Attempt): void {
    const hedges = this.#attempts.length > 0;
    if (hedges || this.#lastFault !== null) this.#trace?.resent(hedges ? null : this.#lastFault);
    this.#attempts.push(attempt);
    this.#destination.sent();
  }

  /** Whether an answer of that status is ignored, for another attempt: one under way, or one on another shard. */
  #triesAnother(attempt: Attempt, status: number): boolean {
    if (this.#winner !== null) return false;
    const hasOthers = this.#attempts.length > 1;
    // That of a prefill is here because no other may prefill it.
    if (!hasOthers && (!REFUSED_FOR_NOW.has(status) || attempt.refusedBy !== null)) return false;
    this.#destination.tried(attempt.leg);
    return hasOthers || this.#mayResend(true, false);
  }

  /** Its answer of that status is nobody's: another attempt is under way, or follows. */
  #ignore(attempt: Attempt, shardId: string, status: number): void {
    this.#lastFault = new EngineUnreachable(shardId, `answered ${status}`, { mayHaveBegun: true });
    attempt.cancel();
    this.#drop(attempt);
    if (this.#attempts.length === 0) this.#sending.afterPause();
  }

  /** This attempt wins: its first byte goes to the client. @returns false when the request ends here */
  #choose(attempt: Attempt): boolean {
    const response = attempt.response as ResponseHeaders;
    attempt.leg.answered(response.status, this.#deck.clock.now());
    this.#trace?.answered(attempt.leg.shard, isEventStream(response));
    if (this.#stage === "answering" && this.#headersOf !== attempt) {
      if (response.status !== GOOD || !isEventStream(response)) {
        const { id } = attempt.leg.shard;
        this.#breakOff(new EngineUnreachable(id, `answered ${response.status}`, { mayHaveBegun: true }));
        return false;
      }
      this.#client.takenOver(this.#servedBy(attempt));
    } else if (this.#stage === "sent") {
      this.#relayHeaders(attempt, response);
    }
    this.#winner = attempt;
    this.#destination.settle();
    this.#worked ||= response.status < REFUSED;
    attempt.answering = true;
    if (response.status === GOOD && storesResponse(this.#path)) {
      const { leg } = attempt;
      this.#responseId = new ResponseId((id) => {
        const { current } = leg.pool;
        const at = leg.placeIn(current);
        if (at >= 0) current.responses.set(id, { shard: at, owner: this.#owner });
      });
    }
    this.#account.answers(response.status === GOOD);
    for (const other of this.#attempts) if (other !== attempt) this.#abandon(other);
    this.#attempts = [attempt];
    this.#releaseBody();
    return true;
  }

  #relayHeaders(attempt: Attempt, response: ResponseHeaders): void {
    this.#stage = "answering";
    this.#headersOf = attempt;
    this.#client.headers(response, this.#servedBy(attempt), this.#destination.epoch);
  }

  #servedBy({ leg: { pool, shard }, refusedBy }: Attempt): string {
    return refusedBy ?? pool.engine.servedBy?.(shard, this.#path) ?? shard.id;
  }

  #drop(attempt: Attempt): void {
    this.#attempts = this.#attempts.filter((other) => other !== attempt);
  }

  #unavailable(reason: Unavailable, { engine }: ServingPool): NoShardAvailable {
    const { retryAfterSeconds } = this.#deck;
    return new NoShardAvailable(reason, engine.pool, this.#lastFault, retryAfterSeconds);
  }

  #giveUp(error: NoShardAvailable | EngineUnreachable): void {
    if (this.#stage === "answering") this.#breakOff(this.#lastFault as EngineUnreachable);
    else this.#refuse(error, error.reason, "failed");
  }

  #refuse(error: Error, reason: string, outcome: RequestOutcome): void {
    this.#responds(this.#carrier?.statusOf(reason) ?? null, reason);
    this.#deck.meter.refused(this.#destination.pool.engine.pool, reason);
    this.#client.refused(error);
    this.#end(outcome);
  }

  #breakOff(fault: EngineUnreachable): void {
    this.#responds(this.#sentStatus, fault.reason);
    this.#client.brokenOff(fault);
    this.#end("failed");
  }

  /** What its client gets, unless something else has ended it. */
  #responds(status: number | null, errorType: string): void {
    if (this.#stage !== "over") this.#account.responds(status, errorType);
  }

  /** That of the response headers that were relayed. */
  get #sentStatus(): number {
    return this.#headersOf?.response?.status ?? GOOD;
  }

  /** The one place where a request ends. */
  #end(outcome: RequestOutcome): void {
    if (this.#stage === "over") return;
    const admitted = this.#stage !== "waiting";
    this.#stage = "over";
    this.#destination.letGo();
    this.#destination.locality?.over();
    this.#ticket?.leave(this.#worked || (outcome === "cancelled" && this.#attempts.length > 0));
    this.#ticket = null;
    for (const attempt of this.#attempts) this.#abandon(attempt);
    this.#attempts = [];
    this.#releaseBody();
    this.#account.end(outcome, admitted);
  }

  #abandon(attempt: Attempt): void {
    try {
      attempt.cancel();
    } catch (error) {
      this.#deck.onFault(error as Error);
    }
  }

  /** It is not sent again. */
  #releaseBody(): void {
    if (this.#sending.stop()) this.#client.bodyReleased();
  }
}

/** A request that no server can serve as it is: the client has to change it. */
function faultOf(error: unknown): Error {
  if (error instanceof Unpairable) return new InvalidRequest(error.message, error.field);
  return error instanceof Error ? error : new Error(String(error));
}

function errorTypeOf(status: number, end: AnswerEnd): string {
  if (end === "cut_short") return "engine_failed";
  return end !== "whole" || status >= REFUSED ? "engine_error" : "";
}

function outcomeOf(status: number, end: AnswerEnd): RequestOutcome {
  if (end !== "whole") return end === "client_error" ? end : "failed";
  if (status < REFUSED) return "ok";
  return status < FAILED ? "client_error" : "failed";
}
