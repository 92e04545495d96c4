import { Rng } from "../src/lib/rng.ts";
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
import type { Pairing } from "../src/serving/pairing.ts";
import type { RequestFacts } from "../src/serving/request/request-facts.ts";
import { ServingPool } from "../src/serving/serving-pool.ts";
import type { RequestTrace } from "../src/serving/tracing/request-trace.ts";
import { TrafficMeter } from "../src/serving/traffic/traffic-meter.ts";
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
  readonly maxOfTenant?: number;
  /** The one that its pools serve. */
  readonly model?: string;
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
  readonly faults: Error[] = [];
  readonly capture = new Capture(this.clock, new Rng(1));
  readonly deck: FlightDeck;
  readonly pool: ServingPool;
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
    maxOfTenant = 0,
    model = "m",
  }: CaseOptions) {
    this.#model = model;
    const retry = { maxAttempts, ratio: 1, minPerSecond: 10, windowMs: 10_000, baseMs: 1, maxMs: 1 };
    const limits = limitsOf({});
    const total = { ...limits.total, maxInFlight, tokensPerMinute };
    const tenant = { ...limits.tenant, maxInFlight: maxOfTenant };
    this.deck = {
      admission: new Admission({ ...limits, total, tenant }, this.clock),
      meter: new TrafficMeter(this.clock, {
        firstFrame: () => {},
        laterFrame: () => {},
        ended: (_pool, _ms, outcome) => this.outcomes.push(outcome),
        responded: (_pool, responded) => this.responded.push(responded),
        resent: () => this.resent++,
        retryDenied: () => this.retriesDenied++,
        tokens: (_pool, counted) => this.tokens.push(counted),
        refused: (_pool, reason) => this.refusals.push(reason),
        picked: (_pool, outcome) => this.picks.push(outcome),
      }),
      retry,
      capture: this.capture,
      ends: null,
      retryBudget: new RetryBudget(retry, 0),
      hedge: { afterMs: hedgeMs },
      retryAfterSeconds: 1,
      clock: this.clock,
      rng: new Rng(1),
      onFault: (fault) => this.faults.push(fault),
    };
    const prefill =
      pairing === undefined ? null : this.#pool("p.prefill", prefillShards, this.prefills, pairing);
    this.pool = this.#pool("p", shards, this.sent, undefined, prefill);
  }

  fly(
    client = new HeardClient(),
    body = '{"model":"m"}',
    more: Partial<RequestFacts> = {},
    trace: RequestTrace | null = null,
  ): Flight {
    const facts: RequestFacts = {
      model: "m",
      responseId: null,
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
    const request: EngineRequest = {
      method: "POST",
      path: "/v1/chat/completions",
      headers: [],
      body: Buffer.from(body),
    };
    return new Flight(this.deck, this.pool, facts, "m", request, client, trace).start();
  }

  /** Everything that requests take and give back: all zero when none is in flight. */
  get taken(): number[] {
    const pools = [this.pool, ...(this.pool.prefill === null ? [] : [this.pool.prefill])];
    return [
      this.deck.admission.inFlight,
      this.deck.admission.queued,
      this.deck.meter.totals.inFlight,
      this.pool.flights,
      ...pools.flatMap(({ states }) => [...states.requests, ...states.tokens, ...states.prefillTokens]),
    ];
  }

  #pool(
    name: string,
    count: number,
    sent: Sent[],
    pairing: Pairing | undefined,
    prefill: ServingPool | null = null,
  ): ServingPool {
    const shards = Array.from({ length: count }, (_, rank) => ({ id: `${name}/${rank}`, pool: name, rank }));
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
        addresses: shards.map(({ rank }) => `10.0.0.${rank + 1}:8000`),
        prepare: (_shard, request) => request,
      },
      send: (shard, request, sink) => {
        if (this.engineThrows) throw new Error("the engine throws");
        const exchange = new Sent(shard, request, sink);
        sent.push(exchange);
        return exchange;
      },
      close: async () => {},
    };
    const states = new ShardStates(count);
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
    return new ServingPool({ engine, models: [this.#model], states, router, health, prefill });
  }
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
