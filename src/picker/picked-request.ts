import { errorAnswer } from "../http/errors.ts";
import type { Reading } from "../http/reading-turns.ts";
import type { OriginReader } from "../http/request-origin.ts";
import type { ShardNames } from "../http/shard-names.ts";
import { WholeFrames } from "../http/whole-frames.ts";
import type {
  EngineRequest,
  Exchange,
  HeaderList,
  ResponseHeaders,
  ResponseSink,
  Shard,
} from "../serving/engine.ts";
import type { Carrier } from "../serving/flight/carrier.ts";
import type { AnswerEnd, Client } from "../serving/flight/client.ts";
import { isEventStream } from "../serving/flight/event-stream.ts";
import type { Flight } from "../serving/flight/flight.ts";
import type { Gateway } from "../serving/gateway.ts";
import { type RequestFacts } from "../serving/request/request-facts.ts";
import type { ServingPool } from "../serving/serving-pool.ts";
import type { PickOutcome } from "../serving/traffic/traffic-observer.ts";
import { type ArrivalTerms, ArrivingRequest } from "./arriving-request.ts";
import { pickAnswer } from "./pick-answer.ts";
import { alternatives, endpointsOf } from "./pool-endpoints.ts";
import { outcomeOf, pickStatus, refusal } from "./refusal.ts";
import { requestHead } from "./request-head.ts";
import { BODY_MODE, type ProcessingRequest, type RequestPart } from "./wire/processing-request.ts";
import { bodyAnswer, headersAnswer, immediateAnswer, unchanged } from "./wire/processing-response.ts";

/** What all requests are picked with. */
export interface PickerParts {
  /** The one that picks now: while a body arrives, a reload may put another in its place. */
  readonly gateway: () => Gateway;
  readonly origins: OriginReader;
  readonly shards: Pick<ShardNames, "shown">;
  readonly bodies: ArrivalTerms;
  /** How many servers an answer names at most: those after the first are for the proxy's retries. */
  readonly endpoints: number;
}

/** The proxy's side of one request. */
export interface ProxyStream extends Reading {
  send(message: Buffer): void;
  /** Nothing follows. */
  end(): void;
  /** The proxy does not speak as it has to. @param why for a person */
  fail(why: string): void;
}

/**
 * - `new`: nothing has come;
 * - `body`: the request's headers have, and its body comes;
 * - `choosing`: all of it is there. It waits for admission, or the servers are asked whether they have its model;
 * - `sent`: the proxy knows where to send it; its response is to come;
 * - `answering`: the response comes, and is counted;
 * - `passing`: the response comes, and nobody counts it: the proxy answers by itself, or the flight has ended before;
 * - `over`.
 */
type Stage = "new" | "body" | "choosing" | "sent" | "answering" | "passing" | "over";

const NO_HEADERS: HeaderList = [];

/**
 * The life of one request of which a proxy asks where to send it, on one stream of `ext_proc`. It is a flight like any
 * other, whose exchange with its engine goes through the proxy: this is the flight's carrier, its client and its exchange.
 *
 * Promise: in whatever order messages, ends, cuts and faults come, the flight ends exactly once, at the latest with the
 * stream; what is held of the body is given back; and every request that came whole, or was refused, is counted as one
 * pick. The proxy gets one answer to each part that it sent, in their order, after which it may go on; or one immediate
 * answer in place of the first, and the end.
 */
export class PickedRequest implements Carrier, Client, Exchange {
  readonly #parts: PickerParts;
  readonly #proxy: ProxyStream;
  #stage: Stage = "new";
  #arriving = new ArrivingRequest(requestHead(NO_HEADERS));
  #subset: readonly string[] | null = null;
  /** Whether the response's body comes, and goes back piece by piece. */
  #responseMode: number = BODY_MODE.fullDuplex;
  /** When the last byte of it came; negative before, and when the pick was counted. */
  #wholeMs = -1;
  #pool: ServingPool | null = null;
  #shard: Shard | null = null;
  #path = "";
  #flight: Flight | null = null;
  /** Where the response goes; null when nobody counts it. */
  #sink: ResponseSink | null = null;
  #frames: WholeFrames | null = null;

  constructor(parts: PickerParts, proxy: ProxyStream) {
    this.#parts = parts;
    this.#proxy = proxy;
  }

  /** The next message of the proxy's. */
  received(message: ProcessingRequest): void {
    if (this.#stage === "over") return;
    try {
      if (message.observes) this.#misspoken("observability_mode is on, in which nothing can be picked");
      else if (message.part !== null) this.#take(message.part, message);
    } catch (error) {
      this.#threw(error);
    }
  }

  /** The proxy has closed the stream: with all that it had to say, or because its client is gone. */
  ended(): void {
    if (this.#stage === "over") return;
    // Without its body, a response is over when the proxy says nothing more of it.
    if (this.#stage === "answering" && this.#responseMode === BODY_MODE.none) this.#sink?.end();
    this.#over();
    this.#proxy.end();
  }

  /** The stream is cut. */
  cut(): void {
    this.#over();
  }

  among(pool: ServingPool): ReadonlySet<number> | null {
    return endpointsOf(pool.engine).among(this.#subset);
  }

  goesTo(pool: ServingPool): void {
    this.#pool = pool;
  }

  statusOf(reason: string): number {
    return pickStatus(reason);
  }

  send(pool: ServingPool, shard: Shard, request: EngineRequest, sink: ResponseSink): Exchange {
    const { outside } = pool.engine;
    const { addresses } = endpointsOf(pool.engine);
    const sent = outside?.prepare(shard, request) ?? request;
    const others = alternatives(pool, shard, request, this.#parts.endpoints - 1);
    const endpoints = [shard.rank, ...others].map((one) => addresses[one]).join(",");
    this.#pool = pool;
    this.#shard = shard;
    this.#path = request.path;
    this.#sink = sink;
    this.#stage = "sent";
    const { head, came } = this.#arriving;
    for (const answer of pickAnswer(head, came, sent, endpoints)) this.#proxy.send(answer);
    this.#arriving.release();
    this.#counted("picked");
    return this;
  }

  resume(): void {}

  cancel(): void {
    this.#sink = null;
    if (this.#stage === "answering") this.#stage = "passing";
  }

  headers(response: ResponseHeaders): void {
    if (isEventStream(response)) this.#frames = new WholeFrames();
  }

  takenOver(): void {}

  data(chunk: Buffer): boolean {
    const frames = this.#frames;
    if (frames !== null && frames.take(chunk) !== null && frames.contentFrames > 0)
      this.#flight?.timing.contentFrames(frames.contentFrames);
    return true;
  }

  end(): AnswerEnd {
    this.#frames?.rest();
    return this.#frames?.answerEnd ?? "whole";
  }

  brokenOff(): void {}

  bodyReleased(): void {
    this.#arriving.release();
  }

  refused(error: Error): void {
    this.#refuse(error);
  }

  #take(part: RequestPart, message: ProcessingRequest): void {
    const { kind } = part;
    switch (kind) {
      case "request_headers":
        return this.#begin(part.headers, part.isLast, message);
      case "request_body":
        if (this.#stage !== "body") return this.#misspoken("a request's body is not where one is expected");
        this.#arriving.take(part.body);
        if (part.isLast && this.#stage === "body") this.#whole(false);
        return;
      case "request_trailers":
        if (this.#stage !== "body")
          return this.#misspoken("a request's trailers are not where some are expected");
        return this.#whole(true);
      case "response_headers":
        return this.#responds(part.headers, part.isLast, message.served);
      case "response_body":
        if (!this.#hasResponse) return this.#misspoken("a response's body is not where one is expected");
        this.#sink?.data(part.body);
        if (part.isLast) this.#sink?.end();
        return this.#proxy.send(
          this.#responseMode === BODY_MODE.fullDuplex
            ? bodyAnswer(kind, part.body, part.isLast)
            : unchanged(kind),
        );
      case "response_trailers":
        if (!this.#hasResponse)
          return this.#misspoken("a response's trailers are not where some are expected");
        this.#sink?.end();
        return this.#proxy.send(unchanged(kind));
    }
  }

  #begin(headers: HeaderList, isLast: boolean, { subset, modes }: ProcessingRequest): void {
    if (this.#stage !== "new") return this.#misspoken("a second request begins on one stream");
    this.#arriving = new ArrivingRequest(requestHead(headers));
    this.#subset = subset;
    this.#responseMode = modes?.response ?? BODY_MODE.fullDuplex;
    this.#stage = "body";
    this.#arriving.identify(this.#parts.origins);
    const mode = modes?.request ?? BODY_MODE.fullDuplex;
    if (isLast || mode === BODY_MODE.none) return this.#whole(false);
    if (mode !== BODY_MODE.fullDuplex)
      return this.#misspoken("request_body_mode has to be FULL_DUPLEX_STREAMED, as the protocol says");
    this.#arriving.expectBody(this.#parts.bodies, this.#proxy, (error) => this.#refuse(error));
  }

  /** All of the request is there. */
  #whole(hasTrailers: boolean): void {
    this.#wholeMs = this.#parts.gateway().deck.clock.now();
    if (!this.#arriving.end(hasTrailers)) return;
    this.#stage = "choosing";
    const known = this.#arriving.identified();
    if (known === null) return this.#read();
    const read = () => {
      // The client may have left meanwhile.
      if (this.#stage === "choosing") this.#read();
    };
    void known.then(read).catch((error: unknown) => this.#threw(error));
  }

  #read(): void {
    const { gateway, origins } = this.#parts;
    const { facts, request } = this.#arriving.read(origins, () => this.#anyModel());
    const lookUp = gateway().lookUp(facts, request);
    if (lookUp === null) return this.#choose(facts, request);
    const go = () => {
      // The client may have left meanwhile.
      if (this.#stage === "choosing") this.#choose(facts, request);
    };
    void lookUp.then(go).catch((error: unknown) => this.#threw(error));
  }

  #choose(facts: RequestFacts, request: EngineRequest): void {
    this.#flight = this.#parts.gateway().send(facts, request, this, null, this);
  }

  /** Of a request that names none: any pool will do that has a server. */
  #anyModel(): string | null {
    const { pools } = this.#parts.gateway();
    return (pools.find(({ states }) => states.ready.includes(1)) ?? pools[0])?.models[0] ?? null;
  }

  #responds(all: HeaderList, isLast: boolean, served: string | null): void {
    if (this.#stage === "new" || this.#hasResponse)
      return this.#misspoken("a response's headers are not where some are expected");
    if (this.#stage !== "sent") {
      // The proxy answers by itself what it has not been told where to send.
      this.#leave();
      this.#stage = "passing";
      return this.#proxy.send(unchanged("response_headers"));
    }
    this.#stage = "answering";
    this.#moved(served);
    const status = Number(all[all.indexOf(":status") + 1]);
    const headers = all.filter((_, i) => !all[i - (i % 2)].startsWith(":"));
    const set = this.#namesShard();
    this.#sink?.headers({ status, headers, kvUse: null });
    if (isLast) this.#sink?.end();
    this.#proxy.send(headersAnswer("response_headers", { set, removed: [] }, null));
  }

  get #hasResponse(): boolean {
    return this.#stage === "answering" || this.#stage === "passing";
  }

  /** What every answer of the gateway says of where it comes from. */
  #namesShard(): HeaderList {
    const [pool, shard] = [this.#pool, this.#shard];
    if (pool === null || shard === null) return NO_HEADERS;
    const server = pool.engine.servedBy?.(shard, this.#path) ?? shard.id;
    return [
      "x-plimsoll-shard",
      this.#parts.shards.shown(server),
      "x-plimsoll-epoch",
      `${pool.snapshot?.epoch ?? 0}`,
    ];
  }

  /** The proxy has tried the next server of the list where the first failed. */
  #moved(served: string | null): void {
    const [pool, shard] = [this.#pool, this.#shard];
    if (served === null || pool === null || shard === null) return;
    const at = endpointsOf(pool.engine).at(served);
    if (at.length === 0 || at.includes(shard.rank)) return;
    const { shards } = pool.engine;
    // Of a server's ranks, the one with the place that the request's headers name.
    const place = endpointsOf(pool.engine)
      .at(endpointsOf(pool.engine).addresses[shard.rank] ?? "")
      .indexOf(shard.rank);
    this.#shard = shards[at[place] ?? at[0]];
    this.#sink?.movedTo?.(this.#shard);
  }

  #refuse(error: unknown): void {
    if (this.#stage === "over") return;
    const { deck } = this.#parts.gateway();
    const answer = errorAnswer(error);
    const { reason } = answer.body.error;
    // A flight counts its own.
    if (this.#pool === null) deck.meter.refused("", reason);
    if (this.#wholeMs < 0) this.#wholeMs = deck.clock.now();
    this.#counted(outcomeOf(reason));
    this.#stage = "over";
    this.#arriving.release();
    this.#proxy.send(immediateAnswer(refusal(answer, this.#arriving.head)));
    this.#proxy.end();
  }

  /** What the gateway does not expect ends this request and no other. */
  #threw(error: unknown): void {
    if (this.#stage === "over") return;
    const { deck } = this.#parts.gateway();
    const { reason } = errorAnswer(error).body.error;
    if (reason === "internal") deck.onFault(error instanceof Error ? error : new Error(String(error)));
    if (this.#stage === "body" || this.#stage === "choosing") return this.#refuse(error);
    this.#misspoken("the picker failed; its log says why");
  }

  #misspoken(why: string): void {
    this.#over();
    this.#proxy.fail(why);
  }

  #over(): void {
    if (this.#stage === "over") return;
    this.#leave();
    this.#stage = "over";
  }

  /** The flight ends, where it has not: its client is gone, as far as the picker is told. */
  #leave(): void {
    this.#arriving.release();
    if (this.#wholeMs >= 0) this.#counted("cancelled");
    this.#flight?.cancel();
    this.#sink = null;
  }

  /** Once for each. */
  #counted(outcome: PickOutcome): void {
    if (this.#wholeMs < 0) return;
    const { meter, clock } = this.#parts.gateway().deck;
    meter.picked(this.#pool?.engine.pool ?? "", outcome, clock.now() - this.#wholeMs);
    this.#wholeMs = -1;
  }
}
