import { SMALL_MODEL } from "../harness/small-model.ts";
import type { Clock } from "../src/lib/clock.ts";
import { Rng } from "../src/lib/rng.ts";
import type { LocalitySettings } from "../src/model/model-settings.ts";
import { signatureShape } from "../src/routing/locality/signature-shape.ts";
import { PoolRouter } from "../src/routing/pools/pool-router.ts";
import { createPolicy } from "../src/routing/policies.ts";
import { Router } from "../src/routing/router.ts";
import { ShardStates } from "../src/routing/shard-states.ts";
import { Admission } from "../src/serving/admission/admission.ts";
import {
  type Engine,
  type EngineRequest,
  EngineUnreachable,
  type Exchange,
  type ResponseHeaders,
  type ResponseSink,
  type Shard,
} from "../src/serving/engine.ts";
import { Capture } from "../src/serving/capture/capture.ts";
import type { AnswerEnd, Client } from "../src/serving/flight/client.ts";
import { Flight } from "../src/serving/flight/flight.ts";
import type { FlightDeck } from "../src/serving/flight/flight-deck.ts";
import { RetryBudget } from "../src/serving/flight/retry-budget.ts";
import { PoolHealth } from "../src/serving/health/pool-health.ts";
import { ModelLocality } from "../src/serving/locality/model-locality.ts";
import { type ModelRoute, onlyPlace } from "../src/serving/models/model-route.ts";
import type { Pairing } from "../src/serving/pairing.ts";
import type { RequestFacts } from "../src/serving/request/request-facts.ts";
import { ServingPool } from "../src/serving/serving-pool.ts";
import type { RequestTrace } from "../src/serving/tracing/request-trace.ts";
import { TrafficMeter } from "../src/serving/traffic/traffic-meter.ts";
import { UNHEARD } from "../src/serving/traffic/unheard.ts";
import type { CountedTokens, Responded } from "../src/serving/traffic/traffic-observer.ts";
import { limitsOf } from "./admission-desk.ts";
import { HandClock } from "./hand-clock.ts";
import { HEALTH } from "./watched-pool.ts";

/** One request as an engine was sent it; the test plays the engine. */
export class Sent implements Exchange {
  readonly shard: Shard;
  readonly body: string;
  readonly sink: ResponseSink;
  cancelled = false;

  constructor(shard: Shard, request: EngineRequest, sink: ResponseSink) {
    this.shard = shard;
    this.body = Buffer.from(request.body ?? []).toString() + (request.added ?? "");
    this.sink = sink;
  }

  resume(): void {}

  cancel(): void {
    this.cancelled = true;
  }

  headers(status = 200, type = "text/event-stream"): void {
    if (!this.cancelled) this.sink.headers({ status, headers: ["content-type", type], kvUse: null });
  }

  data(text = "data: x\n\n"): void {
    if (!this.cancelled) this.sink.data(Buffer.from(text));
  }

  end(): void {
    if (!this.cancelled) this.sink.end();
  }

  answer(status = 200, text = "x", type = "application/json"): void {
    this.headers(status, type);
    this.data(text);
    this.end();
  }

  fail(mayHaveBegun = true, code = "ECONNRESET"): void {
    const cause = Object.assign(new Error(code), { code });
    if (!this.cancelled)
      this.sink.fail(new EngineUnreachable("http://10.0.0.1", "broke", { mayHaveBegun, code, cause }));
  }
}

/** What a client received, in order. */
export class HeardClient implements Client {
  readonly received: string[] = [];
  bodiesReleased = 0;
  error: Error | null = null;
  endsAs: AnswerEnd = "whole";
  /** Throws at the call of that name. */
  throwsAt: string | null = null;

  headers({ status }: ResponseHeaders, shard: string): void {
    this.#record("headers", `${status} ${shard}`);
  }

  takenOver(shard: string): void {
    this.#record("takenOver", shard);
  }

  data(chunk: Buffer): boolean {
    this.#record("data", chunk.toString());
    return true;
  }

  end(): AnswerEnd {
    this.#record("end", "");
    return this.endsAs;
  }

  brokenOff(fault: Error): void {
    this.error = fault;
    this.#record("brokenOff", "");
  }

  refused(error: Error): void {
    this.error = error;
    this.#record("refused", error.name);
  }

  bodyReleased(): void {
    this.bodiesReleased++;
  }

  get endings(): number {
    return this.received.filter((what) => /^(?:end|brokenOff|refused)/.test(what)).length;
  }

  #record(what: string, more: string): void {
    this.received.push(more === "" ? what : `${what} ${more.trim()}`);
    if (this.throwsAt === what) throw new Error(`the client throws at ${what}`);
  }
}

export interface CaseOptions {
  readonly shards?: number;
  readonly prefillShards?: number;
  readonly pairing?: Pairing | undefined;
  readonly hedgeMs?: number;
  readonly maxAttempts?: number;
  readonly maxInFlight?: number;
  readonly tokensPerMinute?: number;
  /** Pools of the model: `p`, `q`, `r`; only the first has a prefill. */
  readonly pools?: number;
  /** Their parts; without them by load. */
  readonly parts?: readonly number[] | undefined;
  /** The last of them is only fallen back on. */
  readonly fallback?: boolean;
  readonly maxOfTenant?: number;
  /** The one that its pools serve. */
  readonly model?: string;
  /** How requests go by their experts, which are known of their tenant. */
  readonly locality?: LocalitySettings | null;
}

/** Flights over pools whose engines the test plays. */
export class FlightCase {
  readonly clock = new HandClock();
  readonly sent: Sent[] = [];
  readonly prefills: Sent[] = [];
  readonly outcomes: string[] = [];
  readonly responded: Responded[] = [];
  readonly refusals: string[] = [];
  readonly tokens: CountedTokens[] = [];
  readonly picks: string[] = [];
  readonly pickPools: string[] = [];
  readonly faults: Error[] = [];
  readonly choices: string[] = [];
  readonly capture = new Capture(this.clock, new Rng(1));
  readonly deck: FlightDeck;
  readonly pool: ServingPool;
  readonly pools: readonly ServingPool[];
  readonly route: ModelRoute;
  readonly locality: ModelLocality | null;
  /** Those whose place was taken. */
  readonly replaced: ServingPool[] = [];
  /** How often a pool was sent a request after that, but for the second half of a pair. */
  strays = 0;
  readonly #model: string;
  resent = 0;
  retriesDenied = 0;
  /** Whether engines throw when they are sent a request. */
  engineThrows = false;

  constructor({
    shards = 2,
    prefillShards = 0,
    pairing,
    hedgeMs = 0,
    maxAttempts = 3,
    maxInFlight = 0,
    tokensPerMinute = 0,
    pools = 1,
    parts,
    fallback = false,
    maxOfTenant = 0,
    model = "m",
    locality = null,
  }: CaseOptions) {
    this.#model = model;
    const retry = { maxAttempts, ratio: 1, minPerSecond: 10, windowMs: 10_000, baseMs: 1, maxMs: 1 };
    const limits = limitsOf({});
    const total = { ...limits.total, maxInFlight, tokensPerMinute };
    const tenant = { ...limits.tenant, maxInFlight: maxOfTenant };
    this.deck = {
      admission: new Admission({ ...limits, total, tenant }, this.clock),
      meter: new TrafficMeter(this.clock, {
        ...UNHEARD,
        ended: (_pool, _ms, outcome) => this.outcomes.push(outcome),
        responded: (_pool, responded) => this.responded.push(responded),
        chosen: (pool, _model, why) => this.choices.push(`${pool} ${why}`),
        resent: () => this.resent++,
        retryDenied: () => this.retriesDenied++,
        tokens: (_pool, counted) => this.tokens.push(counted),
        refused: (_pool, reason) => this.refusals.push(reason),
        picked: (pool, outcome) => {
          this.picks.push(outcome);
          this.pickPools.push(pool);
        },
      }),
      retry,
      capture: this.capture,
      ends: null,
      retryBudget: new RetryBudget(retry, 0),
      hedge: { afterMs: hedgeMs },
      retryAfterSeconds: 1,
      clock: this.clock,
      rng: new Rng(1),
      onShadowPair: () => {},
      onFault: (fault) => this.faults.push(fault),
    };
    const prefill =
      pairing === undefined ? null : this.#pool("p.prefill", upTo(prefillShards), this.prefills, pairing);
    this.pool = this.#pool("p", upTo(shards), this.sent, undefined, prefill);
    const others = PLACES.slice(1, pools).map((name) => this.#pool(name, upTo(shards), this.sent, undefined));
    this.pools = [this.pool, ...others];
    this.locality = locality === null ? null : warmLocality(this.pools, fallback, locality, this.clock);
    this.route = routeOf(this.pools, parts, fallback, this.locality);
  }

  fly(
    client = new HeardClient(),
    body = '{"model":"m"}',
    more: Partial<RequestFacts> = {},
    trace: RequestTrace | null = null,
    headers: readonly string[] = [],
  ): Flight {
    const facts = factsOf(more);
    const request: EngineRequest = {
      method: "POST",
      path: "/v1/chat/completions",
      headers,
      body: Buffer.from(body),
    };
    return new Flight(this.deck, this.route, facts, request, client, trace).start();
  }

  /** A reload puts another pool, with the shards of these numbers, in the place of one; the prefill stays. */
  reload(which: number, shards: readonly number[]): ServingPool {
    const before = this.pools[which].current;
    const { prefill } = before;
    const next = this.#pool(before.name, shards, this.sent, undefined, prefill);
    next.resume(before);
    this.replaced.push(before);
    return next;
  }

  /** Everything that requests take and give back: all zero when none is in flight. */
  get taken(): number[] {
    const now = this.pools.map(({ current }) => current);
    const fronts = [...this.replaced, ...now];
    const pools = [...fronts, ...(this.pool.prefill === null ? [] : [this.pool.prefill])];
    return [
      this.deck.admission.inFlight,
      this.deck.admission.queued,
      this.deck.meter.totals.inFlight,
      this.locality?.inFlight ?? 0,
      ...(this.locality?.choice.went ?? []),
      ...(this.locality?.choice.would ?? []),
      ...now.map(({ line }) => line.flights),
      ...pools.map(({ legs }) => legs),
      ...pools.flatMap(({ states }) => [...states.requests, ...states.tokens, ...states.prefillTokens]),
    ];
  }

  #pool(
    name: string,
    ranks: readonly number[],
    sent: Sent[],
    pairing: Pairing | undefined,
    prefill: ServingPool | null = null,
  ): ServingPool {
    const shards = ranks.map((number, rank) => ({ id: `${name}/${number}`, pool: name, rank }));
    const engine: Engine = {
      pool: name,
      shards,
      servers: shards.map((shard) => ({
        name: shard.id,
        shards: [shard],
        health: async () => ({ ready: true, lack: null }),
        loads: async () => [],
        models: async () => [],
      })),
      ...(pairing === undefined ? {} : { pairing }),
      outside: {
        addresses: ranks.map((number) => `10.0.${PLACES.indexOf(name)}.${number + 1}:8000`),
        prepare: (_shard, request) => request,
      },
      send: (shard, request, sink) => {
        if (this.engineThrows) throw new Error("the engine throws");
        if (prefill === null && pool.current !== pool) this.strays++;
        const exchange = new Sent(shard, request, sink);
        sent.push(exchange);
        return exchange;
      },
      close: async () => {},
    };
    const states = new ShardStates(ranks.length);
    const rng = new Rng(1);
    const shardIds = shards.map(({ id }) => id);
    const router = new Router(
      createPolicy("round-robin", { shardIds, prefixIndexBytes: 65_536 }),
      states,
      rng,
    );
    const health = new PoolHealth({
      engine,
      models: [this.#model],
      states,
      settings: HEALTH,
      clock: this.clock,
      rng,
      probes: false,
      listener: null,
      onNotice: () => {},
      onRestarted: () => {},
    });
    const pool = new ServingPool({ engine, models: [this.#model], states, router, health, prefill });
    return pool;
  }
}

function factsOf(more: Partial<RequestFacts>): RequestFacts {
  return {
    model: "m",
    models: null,
    responseId: null,
    owner: null,
    tenant: "t",
    priority: 0,
    inputTokens: 10,
    maxTokens: 5,
    prefix: new Uint32Array(0),
    affinityKey: 0,
    session: null,
    rank: -1,
    routedExperts: false,
    body: null,
    fields: null,
    ...more,
  };
}

/** Pools, by the third part of their servers' addresses. */
const PLACES = ["p", "q", "r"];

/** What has learned from requests of two tenants, `t` in the first pool and `u` in the last. */
function warmLocality(
  pools: readonly ServingPool[],
  fallback: boolean,
  settings: LocalitySettings,
  clock: Clock,
): ModelLocality | null {
  const places = fallback && pools.length > 1 ? pools.slice(0, -1) : pools;
  if (places.length < 2) return null;
  const turns: (() => void)[] = [];
  const shape = signatureShape(SMALL_MODEL.moeLayers.length, SMALL_MODEL.experts, SMALL_MODEL.topk);
  const made = {
    shape,
    sketchBytes: 1 << 20,
    clock,
    wallClock: () => 0,
    later: (turn: () => void) => void turns.push(turn),
    seed: 1,
  };
  const locality = new ModelLocality("m", SMALL_MODEL, places, settings, made);
  for (let i = 0; i < 8; i++) {
    const own = i % 2;
    const request = locality.begin(factsOf({ tenant: "tu"[own] }));
    request.sentTo(own * (places.length - 1), 10);
    const experts = new Int16Array(8 * SMALL_MODEL.moeLayers.length * SMALL_MODEL.topk);
    for (let k = 0; k < experts.length; k++) experts[k] = 16 * own + (k % 16);
    request.routed({ tokens: 8, layers: SMALL_MODEL.moeLayers.length, topk: SMALL_MODEL.topk, experts });
    request.over();
    for (const turn of turns.splice(0)) turn();
  }
  return locality;
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, number) => number);
}

function routeOf(
  pools: readonly ServingPool[],
  parts: readonly number[] | undefined,
  fallback: boolean,
  locality: ModelLocality | null,
): ModelRoute {
  const places = pools.map((pool) => ({ pool, model: "m", asked: null }));
  const last = fallback && places.length > 1 ? places.splice(-1) : [];
  const fallbacks = last.map((place) => onlyPlace({ ...place, asked: "other" }));
  if (places.length === 1) return { ...onlyPlace(places[0]), fallbacks };
  const weights = parts === undefined ? null : Float64Array.from(places, (_, i) => parts[i]);
  const router = new PoolRouter({
    pools: places.map(({ pool }) => pool),
    parts: weights,
    prefixIndexBytes: 65_536,
    rng: new Rng(1),
    locality: locality?.choice ?? null,
  });
  const headers = places.map((_, i) => (i === 1 ? { "x-canary": "true" } : {}));
  const choice = { router, parts: weights, headers, locality };
  return { model: "m", places, choice, fallbacks, terms: null, shadow: null };
}

/** As kvTransfer is, in short. */
export const inTurn: Pairing = {
  kind: "in-turn",
  prefillBody: (_path, body) => (Buffer.from(body).includes("alone") ? null : Buffer.from("prefill")),
  decodeFields: (answer) => (Buffer.from(answer).includes("cache") ? " with cache" : null),
};

export const together: Pairing = {
  kind: "together",
  pair: (body, _fields, rank, bootstrapRoom) => ({
    prefillBody: Buffer.concat([body, Buffer.from(` prefill ${rank} ${bootstrapRoom}`)]),
    decodeFields: ` decode ${rank} ${bootstrapRoom}`,
  }),
};
