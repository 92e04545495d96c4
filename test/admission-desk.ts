import { Admission, type AdmissionTicket, type Applicant } from "../src/serving/admission/admission.ts";
import type { AdmissionLimits, Limits } from "../src/serving/admission/limits.ts";
import type { Refused } from "../src/serving/refusals.ts";
import { HandClock } from "./hand-clock.ts";

export const NO_LIMITS: Limits = {
  maxInFlight: 0,
  requestsPerSecond: 0,
  requestBurst: 0,
  tokensPerMinute: 0,
  tokenBurst: 0,
};

export function limitsOf(changes: Partial<AdmissionLimits>): AdmissionLimits {
  return {
    total: NO_LIMITS,
    tenant: NO_LIMITS,
    tenants: {},
    queue: { maxWaiting: 10, maxWaitMs: 1000 },
    retryAfterSeconds: 1,
    ...changes,
  };
}

/** What one request asked and heard. */
export class Caller implements Applicant {
  readonly tenant: string;
  readonly priority: number;
  readonly tokens: number;
  places: AdmissionTicket[] = [];
  refusals: Refused[] = [];
  ticket: AdmissionTicket | null = null;
  readonly #heard: (caller: Caller) => void;

  constructor(
    { tenant = "a", priority = 0, tokens = 1 }: Partial<Applicant>,
    heard: (caller: Caller) => void = () => {},
  ) {
    this.tenant = tenant;
    this.priority = priority;
    this.tokens = tokens;
    this.#heard = heard;
  }

  granted(place: AdmissionTicket): void {
    this.places.push(place);
    this.#heard(this);
  }

  refused(refusal: Refused): void {
    this.refusals.push(refusal);
    this.#heard(this);
  }

  /** What it has heard so far: `granted`, the reason of the refusal, or `waiting`. */
  get state(): string {
    if (this.places.length + this.refusals.length > 1) return "heard twice";
    return this.places.length === 1 ? "granted" : (this.refusals[0]?.reason ?? "waiting");
  }
}

/** An admission with time by hand, and everyone who came to it. */
export class Desk {
  readonly clock = new HandClock();
  readonly admission: Admission;
  /** In the order in which they heard. */
  readonly heard: Caller[] = [];

  constructor(changes: Partial<AdmissionLimits>) {
    this.admission = new Admission(limitsOf(changes), this.clock);
  }

  apply(applicant: Partial<Applicant> = {}): Caller {
    const caller = new Caller(applicant, (one) => this.heard.push(one));
    caller.ticket = this.admission.apply(caller);
    return caller;
  }

  after(ms: number): void {
    this.clock.ms += ms;
    this.admission.tick();
  }
}
