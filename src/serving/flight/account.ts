import type { RoutingTrace } from "../../model/routing-trace.ts";
import type { CapturedFlight } from "../capture/captured-flight.ts";
import type { RequestFacts } from "../request/request-facts.ts";
import type { EngineRequest } from "../engine.ts";
import type { ServingPool } from "../serving-pool.ts";
import type { RequestTrace } from "../tracing/request-trace.ts";
import type { RequestTiming } from "../traffic/traffic-meter.ts";
import type { CountedTokens, RequestOutcome, Responded } from "../traffic/traffic-observer.ts";
import { UsageSearch } from "../traffic/usage-search.ts";
import type { Carrier } from "./carrier.ts";
import type { Destination } from "./destination.ts";
import type { FlightDeck } from "./flight-deck.ts";

/**
 * What is counted, recorded and told of one request: at the pool where it is, and once at its end. Nothing of the
 * request depends on it.
 */
export class FlightAccount {
  /** What the client's side measures. */
  readonly timing: RequestTiming;
  readonly #deck: FlightDeck;
  readonly #destination: Destination;
  readonly #path: string;
  readonly #tenant: string;
  readonly #trace: RequestTrace | null;
  readonly #carrier: Carrier | null;
  /** What is recorded of it; null where it is not. */
  readonly #captured: CapturedFlight | null;
  /** Looks for the tokens that an engine reports with what it has generated, and may be recorded. */
  #usage: UsageSearch | null = null;
  /** What its client got, once that is known: see `Responded`. */
  #status: Responded["status"] = null;
  #errorType = "internal";

  constructor(
    deck: FlightDeck,
    destination: Destination,
    facts: RequestFacts,
    request: EngineRequest,
    trace: RequestTrace | null,
    carrier: Carrier | null,
  ) {
    const { pool, routable, epoch } = destination;
    this.#deck = deck;
    this.#destination = destination;
    this.#path = request.path;
    this.#tenant = facts.tenant;
    this.#trace = trace;
    this.#carrier = carrier;
    this.timing = deck.meter.begin(pool.engine.pool, trace?.traceId ?? null);
    this.#captured = deck.capture?.begin(facts, request, routable.model) ?? null;
    trace?.began(pool.engine.pool, facts, routable.model, epoch);
    carrier?.goesTo(pool);
  }

  /** Why its pool was chosen. */
  chosen(): void {
    const { pool, model, why } = this.#destination;
    if (why !== null) this.#deck.meter.chosen(pool.engine.pool, model, why);
  }

  /** It counts at the pool where it goes now, and no more at another. */
  movedFrom(before: ServingPool): void {
    const { pool, routable, epoch } = this.#destination;
    if (pool.line === before.line) return;
    this.timing.moveTo(pool.engine.pool);
    this.#carrier?.goesTo(pool);
    this.#trace?.moved(pool.engine.pool, routable.model, epoch);
  }

  /** The answer that its client gets begins. */
  answers(good: boolean): void {
    if (this.#captured !== null || (good && this.#destination.generates)) this.#usage = new UsageSearch();
  }

  take(chunk: Buffer): void {
    this.#usage?.take(chunk);
  }

  /** Its answer names the experts of its tokens. */
  routed(routing: RoutingTrace): void {
    this.#captured?.routed(routing);
    const { pool, routable, locality } = this.#destination;
    pool.current.routedLoad?.count(routing);
    pool.current.experts?.observe(this.#tenant, routable.prefix, routing);
    locality?.routed(routing);
  }

  /** What its client gets. */
  responds(status: Responded["status"], errorType: string): void {
    this.#status = status;
    this.#errorType = errorType;
  }

  /** @param admitted whether it was sent on */
  end(outcome: RequestOutcome, admitted: boolean): void {
    this.timing.end(outcome);
    const { pool, routable } = this.#destination;
    this.#deck.meter.responded(pool.engine.pool, {
      model: routable.model,
      status: this.#status,
      errorType: this.#errorType,
    });
    const tokens = admitted && outcome === "ok" ? this.#countTokens() : null;
    if (tokens !== null) this.#destination.locality?.answered(this.timing, tokens.answer);
    this.#record(outcome);
    if (this.#trace !== null || this.#deck.ends !== null) this.#sayEnd(outcome, tokens);
  }

  #countTokens(): CountedTokens | null {
    const { frames } = this.timing;
    const { pool, routable } = this.#destination;
    if (frames > 0) pool.current.sawOutput(frames);
    if (this.#usage === null) return null;
    const { prompt, answer, cached } = this.#usage.found();
    const counted = {
      model: routable.model,
      prompt: prompt ?? routable.inputTokens,
      answer: answer ?? (frames > 0 ? frames : null),
      cached: prompt === null ? null : cached,
      reported: prompt !== null,
    };
    this.#deck.meter.tokens(pool.engine.pool, counted);
    return counted;
  }

  /** What goes wrong there is not the request's. */
  #record(outcome: RequestOutcome): void {
    try {
      this.#captured?.end(outcome, this.timing, this.#usage);
    } catch (error) {
      this.#deck.onFault(error as Error);
    }
  }

  #sayEnd(outcome: RequestOutcome, tokens: CountedTokens | null): void {
    const end = { outcome, errorType: this.#errorType, timing: this.timing, tokens };
    this.#trace?.ended(end, this.#usage?.finish() ?? null);
    const { pool, routable } = this.#destination;
    this.#deck.ends?.ended(pool.engine.pool, this.#path, routable.model, end);
  }
}
