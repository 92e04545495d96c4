import { Rng } from "../lib/rng.ts";
import type { TraceRequest } from "../model/traffic.ts";
import { type Demand, type RequestDraw, requestDraw } from "./demand.ts";

/** Users of one unit, each with one request after the other: asks, waits for the answer, thinks, asks again. */
export class UserLoop {
  readonly #users: number;
  readonly #thinkMs: number;
  readonly #rng: Rng;
  readonly #draw: RequestDraw;

  constructor(
    demand: Demand,
    arrivals: Extract<Demand["arrivals"], { kind: "users" }>,
    users: number,
    seed: number,
  ) {
    this.#users = users;
    this.#thinkMs = arrivals.thinkMs;
    this.#rng = new Rng(seed, 23);
    this.#draw = requestDraw(demand, arrivals);
  }

  /** Who is found in the middle of an answer asks for the rest of it; who thinks asks once that is over. @param answerMs about how long an answer takes */
  begin(answerMs: number): TraceRequest[] {
    const waiting = answerMs / (answerMs + this.#thinkMs);
    const first = Array.from({ length: this.#users }, (): TraceRequest => {
      const asks = this.#asks(0);
      if (this.#rng.uniform() >= waiting) return { ...asks, arrivalMs: this.#thinks() };
      return { ...asks, outputTokens: Math.ceil(asks.outputTokens * (1 - this.#rng.uniform())) };
    });
    return first.sort((a, b) => a.arrivalMs - b.arrivalMs);
  }

  /** What a user asks whose answer is there. */
  again(nowMs: number): TraceRequest {
    return this.#asks(nowMs + this.#thinks());
  }

  #asks(arrivalMs: number): TraceRequest {
    return { arrivalMs, ...this.#draw(this.#rng) };
  }

  /** As long as it takes until the next independent thought. */
  #thinks(): number {
    return this.#thinkMs === 0 ? 0 : this.#rng.exponential(this.#thinkMs);
  }
}
