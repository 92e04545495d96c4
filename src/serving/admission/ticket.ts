import type { Refused } from "../refusals.ts";
import type { Tenant } from "./tenants.ts";
import type { Waiter } from "./waiting-line.ts";

/** A request that wants to be let in. It receives one of `granted` and `refused`, once, unless it leaves before. */
export interface Applicant {
  readonly tenant: string;
  /** Higher goes first. */
  readonly priority: number;
  /** Tokens in and out it is estimated at. */
  readonly tokens: number;
  granted(ticket: AdmissionTicket): void;
  refused(refusal: Refused): void;
}

/** What an applicant holds from when it applies until it leaves; with it, once granted, the right to be in flight. */
export interface AdmissionTicket {
  /** How long it waited until it was let in, in milliseconds. */
  readonly waitedMs: number;
  /**
   * The client went away while it waited, or all is over. Harmless when repeated, and after a refusal.
   * @param used false where no engine did anything for it: the tokens it was estimated at are given back
   */
  leave(used: boolean): void;
}

/**
 * Takes the place of who has left. V8 comes to make objects that outlive many requests, as these do, in its old space;
 * dead there until the next full collection, each would keep its request's buffers and streams from the quick ones.
 */
const NOBODY: Applicant = { tenant: "", priority: 0, tokens: 0, granted: () => {}, refused: () => {} };

/** The ticket as admission has it: waiting, then inside, then over. */
export class Ticket implements AdmissionTicket, Waiter {
  applicant: Applicant;
  readonly tenant: Tenant;
  readonly priority: number;
  readonly tokens: number;
  readonly arrivedMs: number;
  stage: "waiting" | "inside" | "over" = "waiting";
  waitedMs = 0;
  readonly #left: (ticket: Ticket, used: boolean) => void;

  constructor(
    applicant: Applicant,
    tenant: Tenant,
    nowMs: number,
    left: (ticket: Ticket, used: boolean) => void,
  ) {
    this.applicant = applicant;
    this.tenant = tenant;
    this.priority = applicant.priority;
    this.tokens = applicant.tokens;
    this.arrivedMs = nowMs;
    this.#left = left;
  }

  leave(used: boolean): void {
    if (this.stage !== "over") this.#left(this, used);
    this.applicant = NOBODY;
  }
}
