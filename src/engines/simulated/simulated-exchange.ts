import type { RoutingTrace } from "../../model/routing-trace.ts";
import {
  EngineUnreachable,
  type Exchange,
  type HeaderList,
  type ResponseSink,
} from "../../serving/engine.ts";

/** As in EngineUnreachable. */
interface FailureFacts {
  readonly mayHaveBegun: boolean;
  readonly nobodyThere?: boolean;
  readonly cause: Error;
}

/**
 * A response on its way to its sink. Tokens are made at the pool's pace, whether they are read or not: what a full
 * sink does not take waits here, bounded by the request's length.
 */
export class SimulatedExchange implements Exchange {
  readonly #sink: ResponseSink;
  readonly #held: Buffer[] = [];
  #full = false;
  #ended = false;
  #over = false;
  #free: () => void = () => {};

  constructor(sink: ResponseSink) {
    this.#sink = sink;
  }

  /** The sink receives nothing more. */
  get over(): boolean {
    return this.#over;
  }

  /** @param free takes the request out of the pool */
  begun(free: () => void): void {
    // The sink may have cancelled when it received the response headers.
    if (this.#over) free();
    else this.#free = free;
  }

  headers(status: number, contentType: string): void {
    const headers: HeaderList = ["content-type", contentType];
    if (!this.#over) this.#sink.headers({ status, headers, kvUse: null });
  }

  data(text: string): void {
    this.#held.push(Buffer.from(text));
    this.#deliver();
  }

  /** @param routed some of the request's tokens with their experts */
  end(routed: RoutingTrace | null): void {
    if (!this.#over && routed !== null) this.#sink.routed?.(routed);
    this.#ended = true;
    this.#deliver();
  }

  /** @param what as in EngineUnreachable */
  fail(what: string, how: FailureFacts): void {
    if (this.#over) return;
    this.#over = true;
    this.#sink.fail(new EngineUnreachable("the simulated pool", what, how));
  }

  resume(): void {
    this.#full = false;
    this.#deliver();
  }

  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    this.#free();
  }

  #deliver(): void {
    while (!this.#over && !this.#full) {
      const chunk = this.#held.shift();
      if (chunk === undefined) break;
      this.#full = !this.#sink.data(chunk);
    }
    if (this.#over || this.#full || !this.#ended) return;
    this.#over = true;
    this.#sink.end();
  }
}
