import type { Refused } from "../refusals.ts";
import type { Tenant } from "./tenants.ts";
import type { Waiter } from "./waiting-line.ts";

/** A request that wants to be let in. It hears one of `granted` and `refused`, once, unless it leaves before. */
export interface Applicant {
  readonly tenant: string;
  /** Higher goes first. */
  readonly priority: number;
  /** Tokens in and out it is estimated at. */
  readonly tokens: number;
  granted(place: Place): void;
  refused(refusal: Refused): void;
}

export interface Ticket {
  /** The client went away while it waited, or all is over. Harmless when repeated, and after a refusal. */
  leave(): void;
}

/** The right to be in flight, until `leave`. */
export interface Place extends Ticket {
  /** How long it waited for this. */
  readonly waitedMs: number;
}

/**
 * Takes the place of who has left. V8 comes to make objects that outlive many requests, as these do, in its old space;
 * dead there until the next full collection, each would keep its request's buffers and streams from the quick ones.
 */
const NOBODY: Applicant = { tenant: "", priority: 0, tokens: 0, granted: () => {}, refused: () => {} };

/** One applicant on its way through: waiting, then inside, then over. */
export class Visit implements Place, Waiter {
  applicant: Applicant;
  readonly tenant: Tenant;
  readonly priority: number;
  readonly tokens: number;
  readonly arrivedMs: number;
  stage: "waiting" | "inside" | "over" = "waiting";
  waitedMs = 0;
  readonly #left: (visit: Visit) => void;

  constructor(applicant: Applicant, tenant: Tenant, nowMs: number, left: (visit: Visit) => void) {
    this.applicant = applicant;
    this.tenant = tenant;
    this.priority = applicant.priority;
    this.tokens = applicant.tokens;
    this.arrivedMs = nowMs;
    this.#left = left;
  }

  leave(): void {
    if (this.stage !== "over") this.#left(this);
    this.applicant = NOBODY;
  }
}
