import type { RoutingTrace } from "../../model/routing-trace.ts";
import type { EngineUnreachable, Exchange, ResponseHeaders, ResponseSink } from "../engine.ts";
import type { Leg } from "./leg.ts";

/** The flight that an attempt belongs to. */
export interface AttemptListener {
  headersReceived(attempt: Attempt, status: number): void;
  /** @returns false to hear no more until the exchange is resumed */
  dataReceived(attempt: Attempt, chunk: Buffer): boolean;
  routed(routing: RoutingTrace): void;
  ended(attempt: Attempt): void;
  failed(attempt: Attempt, fault: EngineUnreachable): void;
  prefillFailed(attempt: Attempt, prefillShard: number, fault: EngineUnreachable): void;
}

/** One sending of a request, as its flight sees it. */
export class Attempt implements ResponseSink {
  /** On the shard that answers. */
  readonly leg: Leg;
  /** Set once the answer's head has come. */
  response: ResponseHeaders | null = null;
  /** Set once it is sent. */
  exchange: Exchange | null = null;
  readonly #flight: AttemptListener;

  constructor(flight: AttemptListener, leg: Leg) {
    this.#flight = flight;
    this.leg = leg;
  }

  headers(head: ResponseHeaders): void {
    this.response = head;
    this.leg.headersReceived(head);
    this.#flight.headersReceived(this, head.status);
  }

  data(chunk: Buffer): boolean {
    return this.#flight.dataReceived(this, chunk);
  }

  routed(routing: RoutingTrace): void {
    this.#flight.routed(routing);
  }

  end(): void {
    this.#flight.ended(this);
  }

  fail(fault: EngineUnreachable): void {
    this.#flight.failed(this, fault);
  }

  /** The shard that was to prefill did not; this attempt's own is not to blame. */
  prefillFailed(prefillShard: number, fault: EngineUnreachable): void {
    this.#flight.prefillFailed(this, prefillShard, fault);
  }

  /** The answer is no longer wanted. */
  cancel(): void {
    this.exchange?.cancel();
    this.leg.finished();
  }
}
