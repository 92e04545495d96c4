import type { RoutableRequest } from "../../routing/routable-request.ts";
import type { EngineRequest } from "../engine.ts";
import type { Pairing } from "../pairing.ts";
import { RoutingScores } from "../../routing/routing-scores.ts";
import type { ServingPool } from "../serving-pool.ts";
import { type AttemptPart, type RequestTrace, tracedRequest } from "../tracing/request-trace.ts";
import { Attempt, type AttemptListener } from "./attempt.ts";
import type { Carrier } from "./carrier.ts";
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
  readonly #pool: ServingPool;
  readonly #prefill: ServingPool | null;
  readonly #routable: RoutableRequest;
  readonly #resending: Resending;
  readonly #listener: AttemptListener;
  readonly #trace: RequestTrace | null;
  readonly #carrier: Carrier | null;

  /**
   * @param prefill null where the shards of `pool` prefill what they answer
   * @param carrier null where the engine sends
   */
  constructor(
    deck: FlightDeck,
    pool: ServingPool,
    prefill: ServingPool | null,
    routable: RoutableRequest,
    resending: Resending,
    listener: AttemptListener,
    trace: RequestTrace | null,
    carrier: Carrier | null,
  ) {
    this.#deck = deck;
    this.#pool = pool;
    this.#prefill = prefill;
    this.#routable = routable;
    this.#resending = resending;
    this.#listener = listener;
    this.#trace = trace;
    this.#carrier = carrier;
  }

  /** The listener receives the attempt before anything is sent. @returns null when it was sent; throws Unpairable */
  send(request: EngineRequest): NoShard | null {
    const index = this.#choose(this.#pool, this.#routable);
    if (index < 0) return { pool: this.#pool, request: this.#routable };
    if (this.#prefill === null) {
      this.#sendWhole(request, index);
      return null;
    }
    const first = this.#resending.prefillable(this.#routable);
    const prefillIndex = this.#choose(this.#prefill, first);
    if (prefillIndex < 0) return { pool: this.#prefill, request: first };
    this.#sendPaired(request, index, this.#prefill, prefillIndex);
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
    const { shard } = attempt.leg;
    attempt.exchange =
      this.#carrier === null
        ? this.#pool.engine.send(shard, sent, attempt)
        : this.#carrier.send(this.#pool, shard, sent, attempt);
  }

  #sendPaired(request: EngineRequest, index: number, prefill: ServingPool, prefillIndex: number): void {
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
    const leg = new Leg(prefill, prefillIndex, this.#routable.inputTokens, 0, clock.now());
    const trace = this.#trace?.attempt(leg.shard, "prefill") ?? null;
    const parts = { engine: prefill.engine, leg, pairing, trace };
    const exchange = new PairedExchange(parts, this.#pool.engine, request, attempt, clock);
    attempt.exchange = exchange;
    return exchange;
  }

  #begin(index: number, part: AttemptPart): Attempt {
    const { inputTokens, outputTokens } = this.#routable;
    const leg = new Leg(this.#pool, index, inputTokens, outputTokens, this.#deck.clock.now());
    const attempt = new Attempt(this.#listener, leg, this.#trace?.attempt(leg.shard, part) ?? null);
    this.#listener.began(attempt);
    this.#resending.sent();
    return attempt;
  }
}
