import type { Clock } from "../../lib/clock.ts";
import { type RefusalReason, Refused } from "../refusals.ts";
import { Holding } from "./holding.ts";
import type { AdmissionLimits } from "./limits.ts";
import { Rates } from "./rates.ts";
import { Tenants } from "./tenants.ts";
import type { AdmissionUsage } from "./usage.ts";
import { type Applicant, type Place, type Ticket, Visit } from "./visit.ts";
import { WaitingLine } from "./waiting-line.ts";

export type { Applicant, Place, Ticket };

/**
 * Who is let in, who waits and who is turned away.
 *
 * A tenant over its own limits is refused at once; its rates count what was let in, to wait or at once, and are not given
 * back. The limits over all tenants make requests wait, in the order of `WaitingLine`, until the wait is too long. When
 * as many wait as may, a newcomer is refused, or the one it displaces.
 */
export class Admission {
  #limits: AdmissionLimits;
  readonly #clock: Clock;
  readonly #tenants: Tenants;
  readonly #rates: Rates;
  readonly #line = new WaitingLine<Visit>();
  readonly #holding = new Holding();
  readonly #left = (visit: Visit) => this.#leave(visit);
  #inFlight = 0;
  #inFlightElsewhere = 0;
  /** Begun since the last telling. */
  #requests = 0;
  #tokens = 0;
  #stopped = false;
  #serving = false;
  #alarm: NodeJS.Timeout | null = null;
  #alarmAtMs = 0;

  constructor(limits: AdmissionLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
    this.#tenants = new Tenants(limits);
    this.#rates = new Rates(limits.total, clock.now());
  }

  get limits(): AdmissionLimits {
    return this.#limits;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** In flight in the other processes, by what they told last. */
  get inFlightElsewhere(): number {
    return this.#inFlightElsewhere;
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

  /** The applicant hears within the call where nothing makes it wait. */
  apply(applicant: Applicant): Ticket {
    const now = this.#clock.now();
    if (this.#line.size > 0) this.#serve(now);
    const visit = new Visit(applicant, this.#tenants.of(applicant.tenant, now), now, this.#left);
    const refusal = this.#tenantRefusal(visit, now);
    if (refusal !== null) {
      visit.stage = "over";
      applicant.refused(refusal);
    } else if (this.#line.size === 0 && this.#hasRoom(visit, now)) {
      this.#tenants.enter(visit.tenant, visit.tokens, now);
      this.#grant(visit, now);
    } else {
      this.#join(visit, now);
    }
    return visit;
  }

  /** Refuses those who waited too long and lets in whom the rates allow by now; an alarm of its own calls it in time. */
  tick(): void {
    this.#serve(this.#clock.now());
  }

  /** From now on nobody enters; those inside may finish. */
  stop(): void {
    this.#stopped = true;
    this.#refuseWaiting(0, "stopping", this.#clock.now());
    if (this.#alarm !== null) clearTimeout(this.#alarm);
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
    this.#inFlightElsewhere = usage.inFlight;
    this.#rates.take(usage.requests, usage.tokens, now);
    this.#tenants.others(usage.tenants, now);
    this.#serve(now);
  }

  #tenantRefusal({ tenant, tokens }: Visit, now: number): Refused | null {
    if (this.#stopped) return this.#refusal("stopping", 0);
    const { maxInFlight } = tenant.limits;
    const inside = tenant.inside + tenant.insideElsewhere;
    if (maxInFlight > 0 && inside >= maxInFlight)
      return this.#refusal("tenant_limit", this.#holding.untilMs(1, inside));
    const waitMs = tenant.rates.waitMs(tokens, now);
    return waitMs > 0 ? this.#refusal("rate_limited", waitMs) : null;
  }

  #join(visit: Visit, now: number): void {
    let displaced: Visit | null = null;
    if (this.#line.size >= this.#limits.queue.maxWaiting) {
      displaced = this.#line.displacedBy(visit);
      if (displaced === null) {
        visit.stage = "over";
        visit.applicant.refused(this.#refusal("queue_full", this.#untilRoomMs(visit.tokens, now)));
        return;
      }
      this.#line.remove(displaced);
    }
    this.#tenants.enter(visit.tenant, visit.tokens, now);
    this.#line.add(visit);
    if (displaced !== null) this.#refuse(displaced, "overloaded", now);
    this.#serve(now);
  }

  #hasRoom({ tokens }: Visit, now: number): boolean {
    return this.#hasPlace() && this.#rates.waitMs(tokens, now) === 0;
  }

  #hasPlace(): boolean {
    const { maxInFlight } = this.#limits.total;
    return maxInFlight === 0 || this.#inFlight + this.#inFlightElsewhere < maxInFlight;
  }

  #grant(visit: Visit, now: number): void {
    this.#rates.take(1, visit.tokens, now);
    this.#inFlight++;
    this.#requests++;
    this.#tokens += visit.tokens;
    visit.stage = "inside";
    visit.waitedMs = now - visit.arrivedMs;
    visit.applicant.granted(visit);
  }

  #leave(visit: Visit): void {
    const now = this.#clock.now();
    if (visit.stage === "waiting") this.#line.remove(visit);
    else {
      this.#inFlight--;
      this.#holding.add(now - visit.arrivedMs - visit.waitedMs);
    }
    visit.stage = "over";
    this.#tenants.leave(visit.tenant);
    if (this.#line.size > 0) this.#serve(now);
  }

  /** Applicants may apply and leave within what they hear: an inner call leaves the work to the outer one. */
  #serve(now: number): void {
    if (this.#serving) return;
    this.#serving = true;
    try {
      const { maxWaitMs } = this.#limits.queue;
      for (
        let oldest = this.#line.oldest();
        oldest !== null && now - oldest.arrivedMs >= maxWaitMs;
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
  #refuse(visit: Visit, reason: RefusalReason, now: number): void {
    visit.stage = "over";
    this.#tenants.leave(visit.tenant);
    visit.applicant.refused(this.#refusal(reason, this.#untilRoomMs(visit.tokens, now)));
  }

  #refusal(reason: RefusalReason, waitMs: number): Refused {
    const seconds = Math.max(this.#limits.retryAfterSeconds, Math.ceil(waitMs / 1000));
    return new Refused(reason, MESSAGES[reason], seconds);
  }

  /** A guess at when one more could be let in, after those who wait. */
  #untilRoomMs(tokens: number, now: number): number {
    const inFlight = this.#inFlight + this.#inFlightElsewhere;
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
    if (this.#alarm !== null) {
      if (this.#alarmAtMs <= dueMs) return;
      clearTimeout(this.#alarm);
    }
    this.#alarmAtMs = dueMs;
    this.#alarm = setTimeout(
      () => {
        this.#alarm = null;
        this.tick();
      },
      Math.ceil(dueMs - now),
    ).unref();
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
