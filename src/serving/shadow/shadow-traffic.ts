import { Admission } from "../admission/admission.ts";
import { UNLIMITED } from "../admission/unlimited.ts";
import type { EngineRequest } from "../engine.ts";
import type { Client } from "../flight/client.ts";
import { Destination } from "../flight/destination.ts";
import { Flight } from "../flight/flight.ts";
import type { FlightDeck } from "../flight/flight-deck.ts";
import { RetryBudget } from "../flight/retry-budget.ts";
import { type ModelRoute, onlyPlace } from "../models/model-route.ts";
import { generates, storesResponse } from "../request/api-routes.ts";
import type { RequestFacts } from "../request/request-facts.ts";
import { TrafficMeter } from "../traffic/traffic-meter.ts";
import type { AnswerMeasures } from "../traffic/traffic-observer.ts";
import { UNHEARD } from "../traffic/unheard.ts";
import { AnswerSide } from "./answer-side.ts";
import type { Shadow } from "./shadow.ts";

/** Copies in flight of a process, and the bytes of their bodies, which they share with the requests they are of. */
const MOST_COPIES = 64;
const MOST_BODY_BYTES = 64 << 20;
/** Below everyone. */
const PRIORITY = -1000;

/**
 * Sends copies of requests to a model's shadow pool and drops the answers. A copy is a flight of its own, beside
 * admission and the traffic's counts: whatever becomes of it, its request is served as if there were none. It is begun
 * after its request; not when requests wait for admission, when as many copies are in flight as may, or when the shadow
 * pool has no shard for it; and it is not sent again once an engine may have worked on it.
 */
export class ShadowTraffic {
  readonly #deck: FlightDeck;
  readonly #copies: FlightDeck;
  readonly #now = (): number => this.#deck.clock.now();
  #inFlight = 0;
  #bodyBytes = 0;

  /** @param deck of the requests that are copied */
  constructor(deck: FlightDeck) {
    const { clock } = deck;
    const retry = { ...deck.retry, maxAttempts: 1 };
    this.#deck = deck;
    this.#copies = {
      ...deck,
      admission: new Admission(UNLIMITED, clock),
      // Copies count as no traffic.
      meter: new TrafficMeter(clock, UNHEARD),
      capture: null,
      ends: null,
      retry,
      retryBudget: new RetryBudget(retry, clock.now()),
      hedge: { afterMs: 0 },
    };
  }

  /**
   * @param client of the request
   * @returns who is to receive the request's answer in its place
   */
  mirror(
    shadow: Shadow,
    { model }: ModelRoute,
    facts: RequestFacts,
    request: EngineRequest,
    client: Client,
  ): Client {
    // What a server keeps it would keep twice.
    if (!generates(request) || storesResponse(request.path) || facts.responseId !== null || !shadow.due())
      return client;
    const pair = new Pair((served, copy) => {
      this.#deck.meter.shadowed(shadow.place.pool.engine.pool, model, { served, copy });
      this.#deck.onShadowPair({ model, pool: shadow.place.pool.engine.pool, served, copy });
    });
    setImmediate(() => {
      try {
        if (!pair.isRefused) this.#send(shadow, model, facts, request, pair);
      } catch (error) {
        this.#deck.onFault(error as Error);
      }
    });
    return new AnswerSide(client, this.#now, (measures) => pair.served(measures));
  }

  #send(shadow: Shadow, model: string, facts: RequestFacts, request: EngineRequest, pair: Pair): void {
    const { pool } = shadow.place;
    const bytes = request.body?.length ?? 0;
    const route = onlyPlace(shadow.place);
    const copied = { ...facts, rank: -1, priority: PRIORITY };
    const count = (outcome: "ok" | "failed" | "dropped") =>
      this.#deck.meter.shadowed(pool.engine.pool, model, outcome);
    const full = this.#inFlight >= MOST_COPIES || this.#bodyBytes + bytes > MOST_BODY_BYTES;
    if (full || this.#deck.admission.queued > 0 || !canTake(route, copied, request)) return count("dropped");
    this.#inFlight++;
    this.#bodyBytes += bytes;
    const nobody: Client = {
      ...NOBODY,
      bodyReleased: () => {
        this.#bodyBytes -= bytes;
      },
    };
    const side = new AnswerSide(nobody, this.#now, (measures) => {
      this.#inFlight--;
      count(measures.ok ? "ok" : "failed");
      pair.copied(measures);
    });
    new Flight(this.#copies, route, copied, request, side).start();
  }
}

/** The two answers to one request. */
class Pair {
  readonly #both: (served: AnswerMeasures, copy: AnswerMeasures) => void;
  #served: AnswerMeasures | null = null;
  #copy: AnswerMeasures | null = null;

  /** @param both is called once both are over */
  constructor(both: (served: AnswerMeasures, copy: AnswerMeasures) => void) {
    this.#both = both;
  }

  /** Whether the request ended at once and without an answer. */
  get isRefused(): boolean {
    return this.#served?.status === 0;
  }

  served(measures: AnswerMeasures): void {
    this.#served = measures;
    this.#compare();
  }

  copied(measures: AnswerMeasures): void {
    this.#copy = measures;
    this.#compare();
  }

  #compare(): void {
    if (this.#served !== null && this.#copy !== null) this.#both(this.#served, this.#copy);
  }
}

function canTake(route: ModelRoute, facts: RequestFacts, request: EngineRequest): boolean {
  const { pool, routable, generates: prefills } = new Destination(route, facts, request);
  return pool.unavailable(routable, prefills) === null;
}

const nothing = (): void => {};

/** Drops what it receives. */
const NOBODY: Client = {
  headers: nothing,
  takenOver: nothing,
  data: () => true,
  end: () => "whole",
  brokenOff: nothing,
  bodyReleased: nothing,
  refused: nothing,
};
