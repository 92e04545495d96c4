import type { Alarms } from "../../lib/alarms.ts";
import type { Clock } from "../../lib/clock.ts";
import { type RefusalReason, Refused } from "../refusals.ts";
import { Holding } from "./holding.ts";
import type { AdmissionLimits } from "./limits.ts";
import { type RateStanding, Rates } from "./rates.ts";
import { type TenantLoad, Tenants } from "./tenants.ts";
import type { AdmissionUsage } from "./usage.ts";
import { type AdmissionTicket, type Applicant, Ticket } from "./ticket.ts";
import { Timers } from "./timers.ts";
import { WaitingLine } from "./waiting-line.ts";

export type { AdmissionTicket, Applicant };

/**
 * Who is let in, who waits and who is turned away.
 *
 * A tenant over its own limits is refused at once; its rates count what was let in, to wait or at once. Given back are
 * only the tokens of a request that no engine did anything for. The limits over all tenants make requests wait, in the order of `WaitingLine`, until the wait is too long. When
 * as many wait as may, a newcomer is refused, or the one it displaces.
 */
export class Admission {
  #limits: AdmissionLimits;
  readonly #clock: Clock;
  readonly #alarms: Alarms;
  readonly #tenants: Tenants;
  readonly #rates: Rates;
  readonly #line = new WaitingLine<Ticket>();
  readonly #holding = new Holding();
  readonly #left = (ticket: Ticket, used: boolean) => this.#leave(ticket, used);
  #inFlight = 0;
  #remoteInFlight = 0;
  /** Begun since the last report. */
  #requests = 0;
  #tokens = 0;
  #stopped = false;
  #serving = false;
  /** Calls off the alarm that is set. */
  #callOff: (() => void) | null = null;
  #alarmAtMs = 0;

  constructor(limits: AdmissionLimits, clock: Clock, alarms: Alarms = new Timers(clock)) {
    this.#limits = limits;
    this.#clock = clock;
    this.#alarms = alarms;
    this.#tenants = new Tenants(limits);
    this.#rates = new Rates(limits.total, clock.now());
  }

  get limits(): AdmissionLimits {
    return this.#limits;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** In flight in the other processes, by their last reports. */
  get remoteInFlight(): number {
    return this.#remoteInFlight;
  }

  get queued(): number {
    return this.#line.size;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** Tenants that take memory now. */
  get tenants(): number {
    return this.#tenants.size;
  }

  /** Those with requests in flight or waiting, the busiest first. */
  busiestTenants(most: number): readonly TenantLoad[] {
    return this.#tenants.busiest(most);
  }

  /** How far a tenant's rates are used up; null for one without limits on them. */
  standing(tenant: string): RateStanding | null {
    const now = this.#clock.now();
    const { limits, rates } = this.#tenants.of(tenant, now);
    return limits.requestsPerSecond === 0 && limits.tokensPerMinute === 0 ? null : rates.standing(now);
  }

  /** The applicant is answered within the call where nothing makes it wait. */
  apply(applicant: Applicant): AdmissionTicket {
    const now = this.#clock.now();
    if (this.#line.size > 0) this.#serve(now);
    const ticket = new Ticket(applicant, this.#tenants.of(applicant.tenant, now), now, this.#left);
    const refusal = this.#tenantRefusal(ticket, now);
    if (refusal !== null) {
      ticket.stage = "over";
      applicant.refused(refusal);
    } else if (this.#line.size === 0 && this.#hasRoom(ticket, now)) {
      this.#tenants.enter(ticket.tenant, ticket.tokens, now);
      this.#grant(ticket, now);
    } else {
      this.#join(ticket, now);
    }
    return ticket;
  }

  /** Refuses those who waited too long and lets in whom the rates allow by now; an alarm of its own calls it in time. */
  tick(): void {
    this.#serve(this.#clock.now());
  }

  /** From now on nobody enters; those inside may finish. */
  stop(): void {
    this.#stopped = true;
    this.#refuseWaiting(0, "stopping", this.#clock.now());
    this.#callOff?.();
  }

  /** Other limits from now on; those inside stay. */
  update(limits: AdmissionLimits): void {
    const now = this.#clock.now();
    this.#limits = limits;
    this.#tenants.update(limits, now);
    this.#rates.update(limits.total, now);
    this.#serve(now);
    this.#refuseWaiting(limits.queue.maxWaiting, "overloaded", now);
  }

  /** What the other processes need to know; what was begun counts from 0 again. */
  usage(): AdmissionUsage {
    const usage = {
      inFlight: this.#inFlight,
      requests: this.#requests,
      tokens: this.#tokens,
      tenants: this.#tenants.usage(),
    };
    this.#requests = 0;
    this.#tokens = 0;
    return usage;
  }

  /** What the other processes have inside now and have begun since the last call, all of them together. */
  others(usage: AdmissionUsage): void {
    const now = this.#clock.now();
    this.#remoteInFlight = usage.inFlight;
    this.#rates.take(usage.requests, usage.tokens, now);
    this.#tenants.others(usage.tenants, now);
    this.#serve(now);
  }

  #tenantRefusal({ tenant, tokens }: Ticket, now: number): Refused | null {
    if (this.#stopped) return this.#refusal("stopping", 0);
    const { maxInFlight } = tenant.limits;
    const inside = tenant.inside + tenant.remoteInside;
    if (maxInFlight > 0 && inside >= maxInFlight)
      return this.#refusal("tenant_limit", this.#holding.untilMs(1, inside));
    const waitMs = tenant.rates.waitMs(tokens, now);
    return waitMs > 0 ? this.#refusal("rate_limited", waitMs) : null;
  }

  #join(ticket: Ticket, now: number): void {
    let displaced: Ticket | null = null;
    if (this.#line.size >= this.#limits.queue.maxWaiting) {
      displaced = this.#line.displacedBy(ticket);
      if (displaced === null) {
        ticket.stage = "over";
        ticket.applicant.refused(this.#refusal("queue_full", this.#untilRoomMs(ticket.tokens, now)));
        return;
      }
      this.#line.remove(displaced);
    }
    this.#tenants.enter(ticket.tenant, ticket.tokens, now);
    this.#line.add(ticket);
    if (displaced !== null) this.#refuse(displaced, "overloaded", now);
    this.#serve(now);
  }

  #hasRoom({ tokens }: Ticket, now: number): boolean {
    return this.#hasPlace() && this.#rates.waitMs(tokens, now) === 0;
  }

  #hasPlace(): boolean {
    const { maxInFlight } = this.#limits.total;
    return maxInFlight === 0 || this.#inFlight + this.#remoteInFlight < maxInFlight;
  }

  #grant(ticket: Ticket, now: number): void {
    this.#tokens += this.#rates.admit(ticket.tokens, now);
    this.#inFlight++;
    this.#requests++;
    ticket.stage = "inside";
    ticket.waitedMs = now - ticket.arrivedMs;
    ticket.applicant.granted(ticket);
  }

  #leave(ticket: Ticket, used: boolean): void {
    const now = this.#clock.now();
    if (ticket.stage === "waiting") this.#line.remove(ticket);
    else {
      this.#inFlight--;
      if (!used) this.#giveBack(ticket, now);
      this.#holding.add(now - ticket.arrivedMs - ticket.waitedMs);
    }
    ticket.stage = "over";
    this.#tenants.leave(ticket.tenant);
    if (this.#line.size > 0) this.#serve(now);
  }

  #giveBack({ tenant, tokens }: Ticket, now: number): void {
    this.#rates.giveBack(tokens, now);
    // What was reported already stays counted there: totals only grow.
    this.#tokens = Math.max(0, this.#tokens - tokens);
    this.#tenants.giveBack(tenant, tokens, now);
  }

  /** Applicants may apply and leave within what they receive: an inner call leaves the work to the outer one. */
  #serve(now: number): void {
    if (this.#serving) return;
    this.#serving = true;
    try {
      const { maxWaitMs } = this.#limits.queue;
      for (
        let oldest = this.#line.oldest();
        oldest !== null && now >= oldest.arrivedMs + maxWaitMs;
        oldest = this.#line.oldest()
      ) {
        this.#line.remove(oldest);
        this.#refuse(oldest, "queue_timeout", now);
      }
      for (
        let first = this.#line.first();
        first !== null && this.#hasRoom(first, now);
        first = this.#line.first()
      ) {
        this.#line.serve(first);
        this.#grant(first, now);
      }
    } finally {
      this.#serving = false;
    }
    this.#setAlarm(now);
  }

  #refuseWaiting(allowed: number, reason: RefusalReason, now: number): void {
    while (this.#line.size > allowed) {
      const last = this.#line.last();
      if (last === null) return;
      this.#line.remove(last);
      this.#refuse(last, reason, now);
    }
  }

  /** It waited, and is out of the line. */
  #refuse(ticket: Ticket, reason: RefusalReason, now: number): void {
    ticket.stage = "over";
    this.#tenants.leave(ticket.tenant);
    ticket.applicant.refused(this.#refusal(reason, this.#untilRoomMs(ticket.tokens, now)));
  }

  #refusal(reason: RefusalReason, waitMs: number): Refused {
    const seconds = Math.max(this.#limits.retryAfterSeconds, Math.ceil(waitMs / 1000));
    return new Refused(reason, MESSAGES[reason], seconds);
  }

  /** A guess at when one more could be let in, after those who wait. */
  #untilRoomMs(tokens: number, now: number): number {
    const inFlight = this.#inFlight + this.#remoteInFlight;
    const ahead = this.#line.size + 1;
    const places = this.#hasPlace() ? 0 : this.#holding.untilMs(ahead, inFlight);
    return Math.max(places, this.#rates.waitMs(tokens, now));
  }

  #setAlarm(now: number): void {
    const first = this.#line.first();
    const oldest = this.#line.oldest();
    if (first === null || oldest === null) return;
    const roomMs = this.#hasPlace() ? this.#rates.waitMs(first.tokens, now) : Number.POSITIVE_INFINITY;
    const dueMs = Math.min(oldest.arrivedMs + this.#limits.queue.maxWaitMs, now + roomMs);
    if (this.#callOff !== null) {
      if (this.#alarmAtMs <= dueMs) return;
      this.#callOff();
    }
    this.#alarmAtMs = dueMs;
    this.#callOff = this.#alarms.at(dueMs, () => {
      this.#callOff = null;
      this.tick();
    });
  }
}

const MESSAGES: Readonly<Record<RefusalReason, string>> = {
  rate_limited: "The tenant is over its rate of requests or tokens.",
  tenant_limit: "The tenant has as many requests in flight as it may.",
  queue_full: "The gateway has as many requests in flight and waiting as it may.",
  queue_timeout: "The request waited for a place longer than it may.",
  overloaded: "The gateway is overloaded; the request made room for another that goes first.",
  stopping: "The gateway is stopping.",
};
