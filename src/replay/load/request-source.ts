import type { TraceRequest } from "../../model/traffic.ts";

/** A request and its position among all, from 0. */
export interface NumberedRequest {
  readonly index: number;
  readonly request: TraceRequest;
}

/** Requests in their order, for one load after the other: each goes on where the one before has stopped. */
export class RequestSource {
  readonly #requests: AsyncIterator<TraceRequest, unknown>;
  #reading: Promise<unknown> = Promise.resolve();
  #index = 0;

  constructor(requests: AsyncIterable<TraceRequest>) {
    this.#requests = requests[Symbol.asyncIterator]();
  }

  /** Null when there are no more. May be asked again before it has answered. */
  next(): Promise<NumberedRequest | null> {
    const next = this.#reading.then(() => this.#next());
    this.#reading = next.catch(() => {});
    return next;
  }

  /** Of the request that comes next. */
  get position(): number {
    return this.#index;
  }

  /** Leaves out what comes before this position. */
  async skipTo(position: number): Promise<void> {
    while (this.#index < position && (await this.next()) !== null);
  }

  async #next(): Promise<NumberedRequest | null> {
    const { done, value } = await this.#requests.next();
    if (done === true) return null;
    return { index: this.#index++, request: value };
  }
}
