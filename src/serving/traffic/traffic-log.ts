import type { ProcessTraffic } from "./traffic-meter.ts";
import type {
  CountedTokens,
  PickOutcome,
  PoolChoiceReason,
  RequestOutcome,
  Responded,
  Shadowed,
  TrafficObserver,
} from "./traffic-observer.ts";

/** Keeps every measure until it is sent to the process that reports them. */
export class TrafficLog implements TrafficObserver {
  #first: [string, number, string | null][] = [];
  #later: [string, number][] = [];
  #ended: [string, number, RequestOutcome, string | null][] = [];
  #responded: [string, Responded][] = [];
  #chosen: [string, string, PoolChoiceReason][] = [];
  #shadowed: [string, string, Shadowed][] = [];
  #resent: string[] = [];
  #deniedRetries: string[] = [];
  #tokens: [string, CountedTokens][] = [];
  #refused: [string, string][] = [];
  #picked: [string, PickOutcome, number][] = [];

  firstFrame(pool: string, ms: number, traceId: string | null): void {
    this.#first.push([pool, ms, traceId]);
  }

  laterFrame(pool: string, ms: number): void {
    this.#later.push([pool, ms]);
  }

  ended(pool: string, ms: number, outcome: RequestOutcome, traceId: string | null): void {
    this.#ended.push([pool, ms, outcome, traceId]);
  }

  responded(pool: string, responded: Responded): void {
    this.#responded.push([pool, responded]);
  }

  chosen(pool: string, model: string, why: PoolChoiceReason): void {
    this.#chosen.push([pool, model, why]);
  }

  shadowed(pool: string, model: string, what: Shadowed): void {
    this.#shadowed.push([pool, model, what]);
  }

  resent(pool: string): void {
    this.#resent.push(pool);
  }

  retryDenied(pool: string): void {
    this.#deniedRetries.push(pool);
  }

  tokens(pool: string, counted: CountedTokens): void {
    this.#tokens.push([pool, counted]);
  }

  refused(pool: string, reason: string): void {
    this.#refused.push([pool, reason]);
  }

  picked(pool: string, outcome: PickOutcome, ms: number): void {
    this.#picked.push([pool, outcome, ms]);
  }

  /** Everything since the last call. */
  take(): Omit<ProcessTraffic, "inFlight" | "requests" | "frames"> {
    const taken = {
      first: this.#first,
      later: this.#later,
      ended: this.#ended,
      responded: this.#responded,
      chosen: this.#chosen,
      shadowed: this.#shadowed,
      resent: this.#resent,
      deniedRetries: this.#deniedRetries,
      tokens: this.#tokens,
      refused: this.#refused,
      picked: this.#picked,
    };
    this.#first = [];
    this.#later = [];
    this.#ended = [];
    this.#responded = [];
    this.#chosen = [];
    this.#shadowed = [];
    this.#resent = [];
    this.#deniedRetries = [];
    this.#tokens = [];
    this.#refused = [];
    this.#picked = [];
    return taken;
  }
}
