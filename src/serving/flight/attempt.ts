import type { RoutingTrace } from "../../model/routing-trace.ts";
import type { EngineUnreachable, Exchange, ResponseHeaders, ResponseSink, Shard } from "../engine.ts";
import type { AttemptTrace } from "../tracing/request-trace.ts";
import type { Leg } from "./leg.ts";

const GOOD = 200;

/** The flight that an attempt belongs to. */
export interface AttemptListener {
  /** It counts on its shard from now on; it is about to be sent. */
  began(attempt: Attempt): void;
  headersReceived(attempt: Attempt, response: ResponseHeaders): void;
  /** @returns false to get no more until the exchange is resumed */
  dataReceived(attempt: Attempt, chunk: Buffer): boolean;
  routed(routing: RoutingTrace): void;
  ended(attempt: Attempt): void;
  failed(attempt: Attempt, fault: EngineUnreachable): void;
  prefillFailed(attempt: Attempt, prefill: Leg, fault: EngineUnreachable): void;
  /** @returns whether the answer of that status is ignored, for another attempt */
  prefillRefused(attempt: Attempt, prefill: Leg, status: number): boolean;
  /** Something threw: a fault of the gateway itself, which must end this request and no other. */
  threw(error: unknown): void;
  moved(attempt: Attempt, shard: Shard): void;
}

/**
 * One upstream attempt of a request, as its flight sees it. Engines call from the event loop, where what is thrown
 * would end the process: it goes to the flight.
 */
export class Attempt implements ResponseSink {
  /** On the shard that answers; another where a proxy has sent the request on. */
  leg: Leg;
  /** Set once the response headers have arrived. */
  response: ResponseHeaders | null = null;
  /** Set once it is sent. */
  exchange: Exchange | null = null;
  /** Whether its first byte was relayed. */
  answering = false;
  /** Whether another shard's prefill may still refuse what this one has begun to answer. */
  awaitsPrefill = false;
  /** The id of what answers in place of this attempt's shard: the prefill that refused. */
  refusedBy: string | null = null;
  /** Null where the request is not traced. */
  readonly trace: AttemptTrace | null;
  readonly #flight: AttemptListener;

  constructor(flight: AttemptListener, leg: Leg, trace: AttemptTrace | null) {
    this.#flight = flight;
    this.leg = leg;
    this.trace = trace;
  }

  headers(response: ResponseHeaders): void {
    try {
      this.response = response;
      this.leg.headersReceived(response);
      this.trace?.received(response.status);
      this.#flight.headersReceived(this, response);
    } catch (error) {
      this.#flight.threw(error);
    }
  }

  data(chunk: Buffer): boolean {
    try {
      return this.#flight.dataReceived(this, chunk);
    } catch (error) {
      this.#flight.threw(error);
      return true;
    }
  }

  routed(routing: RoutingTrace): void {
    try {
      this.#flight.routed(routing);
    } catch (error) {
      this.#flight.threw(error);
    }
  }

  movedTo(shard: Shard): void {
    try {
      this.#flight.moved(this, shard);
    } catch (error) {
      this.#flight.threw(error);
    }
  }

  end(): void {
    this.trace?.ended();
    try {
      this.#flight.ended(this);
    } catch (error) {
      this.#flight.threw(error);
    }
  }

  fail(fault: EngineUnreachable): void {
    this.trace?.failed(fault);
    try {
      this.#flight.failed(this, fault);
    } catch (error) {
      this.#flight.threw(error);
    }
  }

  /** The prefilling shard failed; this attempt's own shard is not to blame. */
  prefillFailed(prefill: Leg, fault: EngineUnreachable): void {
    this.#flight.prefillFailed(this, prefill, fault);
  }

  /** The shard that was to prefill refused for now, or failed. @returns whether another attempt takes its place */
  prefillRefused(prefill: Leg, status: number): boolean {
    return this.#flight.prefillRefused(this, prefill, status);
  }

  /** The prefill was accepted: what this attempt's shard answers counts. */
  prefillAccepted(): void {
    this.awaitsPrefill = false;
    if (this.response?.status === GOOD) this.#flight.headersReceived(this, this.response);
  }

  threw(error: unknown): void {
    this.#flight.threw(error);
  }

  /** The answer is no longer wanted. */
  cancel(): void {
    this.trace?.cancelled();
    try {
      this.exchange?.cancel();
    } finally {
      this.leg.finished();
    }
  }
}
