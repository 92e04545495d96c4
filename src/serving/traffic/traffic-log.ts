import type { ProcessTraffic } from "./traffic-meter.ts";
import type { CountedTokens, RequestOutcome, TrafficObserver } from "./traffic-observer.ts";

/** Keeps every measure until it is sent to the process that reports them. */
export class TrafficLog implements TrafficObserver {
  #first: [string, number, string | null][] = [];
  #later: [string, number][] = [];
  #ended: [string, number, RequestOutcome, string | null][] = [];
  #resent: string[] = [];
  #tokens: [string, CountedTokens][] = [];
  #refused: [string, string][] = [];

  firstFrame(pool: string, ms: number, traceId: string | null): void {
    this.#first.push([pool, ms, traceId]);
  }

  laterFrame(pool: string, ms: number): void {
    this.#later.push([pool, ms]);
  }

  ended(pool: string, ms: number, outcome: RequestOutcome, traceId: string | null): void {
    this.#ended.push([pool, ms, outcome, traceId]);
  }

  resent(pool: string): void {
    this.#resent.push(pool);
  }

  tokens(pool: string, counted: CountedTokens): void {
    this.#tokens.push([pool, counted]);
  }

  refused(pool: string, reason: string): void {
    this.#refused.push([pool, reason]);
  }

  /** Everything since the last call. */
  take(): Omit<ProcessTraffic, "inFlight" | "requests" | "frames"> {
    const taken = {
      first: this.#first,
      later: this.#later,
      ended: this.#ended,
      resent: this.#resent,
      tokens: this.#tokens,
      refused: this.#refused,
    };
    this.#first = [];
    this.#later = [];
    this.#ended = [];
    this.#resent = [];
    this.#tokens = [];
    this.#refused = [];
    return taken;
  }
}
