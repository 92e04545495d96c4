import type { RoutableRequest } from "../../routing/routable-request.ts";
import { withFields } from "../../lib/json-fields.ts";
import type { EngineRequest } from "../engine.ts";
import type { Pairing } from "../pairing.ts";
import { RoutingScores } from "../../routing/routing-scores.ts";
import type { ServingPool } from "../serving-pool.ts";
import { type AttemptPart, type RequestTrace, tracedRequest } from "../tracing/request-trace.ts";
import { Attempt, type AttemptListener } from "./attempt.ts";
import type { Carrier } from "./carrier.ts";
import type { Destination } from "./destination.ts";
import type { FlightDeck } from "./flight-deck.ts";
import { Leg } from "./leg.ts";
import { PairedExchange } from "./paired-exchange.ts";
import type { Resending } from "./resending.ts";

/** Bootstrap rooms are drawn from so many: two requests in flight hardly ever get the same. */
const BOOTSTRAP_ROOMS = 2 ** 31;
const NO_BODY = new Uint8Array(0);

/** A pool without a shard for the request, and the request as that pool's router has it. */
export interface NoShard {
  readonly pool: ServingPool;
  readonly request: RoutableRequest;
}

/** Starts the attempts of one request: each on the shards that suit it best at that time. */
export class Sender {
  readonly #deck: FlightDeck;
  readonly #destination: Destination;
  readonly #resending: Resending;
  readonly #listener: AttemptListener;
  readonly #trace: RequestTrace | null;
  readonly #carrier: Carrier | null;

  /** @param carrier null where the engine sends */
  constructor(
    deck: FlightDeck,
    destination: Destination,
    resending: Resending,
    listener: AttemptListener,
    trace: RequestTrace | null,
    carrier: Carrier | null,
  ) {
    this.#deck = deck;
    this.#destination = destination;
    this.#resending = resending;
    this.#listener = listener;
    this.#trace = trace;
    this.#carrier = carrier;
  }

  /** The listener receives the attempt before anything is sent. @returns null when it was sent; throws Unpairable */
  send(): NoShard | null {
    this.#destination.follow();
    const { pool, prefill, routable, request } = this.#destination;
    const index = this.#choose(pool, routable);
    if (index < 0) return { pool, request: routable };
    if (prefill === null) {
      this.#sendWhole(request, index);
      return null;
    }
    const first = this.#destination.prefillable;
    const prefillIndex = this.#choose(prefill, first);
    if (prefillIndex < 0) return { pool: prefill, request: first };
    this.#sendPaired(request, index, prefill, prefillIndex);
    return null;
  }

  #choose({ router, engine }: ServingPool, request: RoutableRequest): number {
    if (this.#trace === null) return router.choose(request);
    const scores = new RoutingScores();
    const index = router.choose(request, scores);
    this.#trace.routed(scores, engine.shards);
    return index;
  }

  #sendWhole(request: EngineRequest, index: number): void {
    const attempt = this.#begin(index, "whole");
    const sent = tracedRequest(request, attempt.trace);
    const { pool, shard } = attempt.leg;
    attempt.exchange =
      this.#carrier === null
        ? pool.engine.send(shard, sent, attempt)
        : this.#carrier.send(pool, shard, sent, attempt);
  }

  #sendPaired(asked: EngineRequest, index: number, prefill: ServingPool, prefillIndex: number): void {
    const request = inOnePiece(asked);
    const pairing = prefill.engine.pairing as Pairing;
    const own = request.body ?? NO_BODY;
    const pair = () => this.#pair(request, index, prefill, prefillIndex, pairing);
    if (pairing.kind === "together") {
      const room = this.#deck.rng.below(BOOTSTRAP_ROOMS);
      const bodies = pairing.pair(own, request.fields, prefillIndex, room);
      pair().sendTogether(bodies);
    } else {
      const body = pairing.prefillBody(request.path, own, request.fields);
      if (body === null) this.#sendWhole(request, index);
      else pair().sendInTurn(body);
    }
  }

  #pair(
    request: EngineRequest,
    index: number,
    prefill: ServingPool,
    prefillIndex: number,
    pairing: Pairing,
  ): PairedExchange {
    const { clock } = this.#deck;
    const attempt = this.#begin(index, "decode");
    const leg = new Leg(
      prefill,
      prefillIndex,
      this.#destination.prefillable,
      prefill.router.uncached,
      clock.now(),
    );
    const trace = this.#trace?.attempt(leg.shard, "prefill") ?? null;
    const parts = { engine: prefill.engine, leg, pairing, trace };
    const exchange = new PairedExchange(parts, this.#destination.pool.engine, request, attempt, clock);
    attempt.exchange = exchange;
    return exchange;
  }

  #begin(index: number, part: AttemptPart): Attempt {
    const { pool, routable } = this.#destination;
    const leg = new Leg(pool, index, routable, pool.router.uncached, this.#deck.clock.now());
    const attempt = new Attempt(this.#listener, leg, this.#trace?.attempt(leg.shard, part) ?? null);
    this.#listener.began(attempt);
    this.#resending.sent();
    return attempt;
  }
}

/** With what is added to its body inside of it, for who makes other bodies of that. */
function inOnePiece(request: EngineRequest): EngineRequest {
  const { body, fields, added = "", ...rest } = request;
  if (added === "" || body === null) return request;
  return { ...rest, body: Buffer.concat(withFields(body, added, fields?.length === 0)) };
}
