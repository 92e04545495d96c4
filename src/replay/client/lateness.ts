import { Distribution } from "../measures/distribution.ts";
import type { RequestRecord } from "../request-record.ts";
import { type ClientFacts, type ClientVerdict, clientVerdict, LATE_MS } from "./verdict.ts";
import { ClientWatch } from "./watch.ts";

type SendDelay = Pick<RequestRecord, "delayMs" | "heldMs">;
type OpenTime = Pick<RequestRecord, "scheduledMs" | "endedMs" | "warmUp">;

/** How late the client itself was: with what it sent, and with reading what came. */
export class Lateness {
  readonly #maxInFlight: number;
  readonly #now: () => number;
  readonly #watch: ClientWatch;
  readonly #sends = new Distribution();
  /** When there was room again after as many were in flight as may be; what was due before then was held. */
  #heldUntil = Number.NEGATIVE_INFINITY;
  #lateSends = 0;
  #held = 0;
  #longestHeldMs = 0;
  #lateRequests = 0;

  /**
   * @param now  the replay's clock
   * @param busy whether any stream is open
   */
  constructor(maxInFlight: number, now: () => number, busy: () => boolean) {
    this.#maxInFlight = maxInFlight;
    this.#now = now;
    this.#watch = new ClientWatch(now, busy);
  }

  start(): void {
    this.#watch.start();
  }

  stop(): void {
    this.#watch.stop();
  }

  /** A request has ended while others were due that had no room. */
  roomAgain(): void {
    this.#heldUntil = this.#now();
  }

  /** A request is sent now. @returns its delay, and the part of it for which there was no room */
  sent(startMs: number, warmUp = false): SendDelay {
    const now = this.#now();
    const delayMs = now - startMs;
    const heldMs = Math.max(0, Math.min(now, this.#heldUntil) - startMs);
    if (warmUp) return { delayMs, heldMs };
    this.#sends.record(delayMs - heldMs);
    if (delayMs - heldMs > LATE_MS) this.#lateSends++;
    if (heldMs > 0) {
      this.#held++;
      this.#longestHeldMs = Math.max(this.#longestHeldMs, heldMs);
    }
    return { delayMs, heldMs };
  }

  /** Whether a request's times are the client's fault in part; each is asked about once. */
  touched({ scheduledMs, endedMs, warmUp, delayMs, heldMs }: OpenTime & SendDelay): boolean {
    const late = delayMs - heldMs > LATE_MS || this.#watch.stalledIn(scheduledMs, endedMs);
    if (late && !warmUp) this.#lateRequests++;
    return late;
  }

  verdict(): ClientVerdict {
    return clientVerdict(this.facts());
  }

  facts(): ClientFacts {
    return {
      sends: this.#sends,
      lateSends: this.#lateSends,
      loop: this.#watch.lateness,
      stalls: this.#watch.stalls,
      longestStallMs: this.#watch.longestStallMs,
      held: this.#held,
      longestHeldMs: this.#longestHeldMs,
      maxInFlight: this.#maxInFlight,
      lateRequests: this.#lateRequests,
    };
  }
}
