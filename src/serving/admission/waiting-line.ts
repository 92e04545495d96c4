import type { Tenant } from "./tenants.ts";

export interface Waiter {
  readonly tenant: Tenant;
  /** Higher goes first. */
  readonly priority: number;
  readonly tokens: number;
  readonly arrivedMs: number;
}

/** Those of one tenant and priority, in the order they came. Never empty. */
interface Lane<W> {
  readonly tenant: Tenant;
  readonly priority: number;
  /** The line's virtual time when the lane opened. */
  readonly since: number;
  readonly waiters: W[];
  /** Its place among the lanes. */
  index: number;
}

/**
 * Who waits, and who is next: the highest priority; within it the tenant that was served the fewest tokens; within that
 * who came first. A tenant that has not waited for some time starts level with the others, as in start-time fair
 * queueing: it neither saves up service nor pays for what it had while nobody else wanted any.
 *
 * Lanes are looked through one by one for who is next: there are at most as many as waiters, and mostly one per tenant.
 */
export class WaitingLine<W extends Waiter> {
  readonly #lanes: Lane<W>[] = [];
  /** The same, of each tenant. */
  readonly #ofTenant = new Map<Tenant, Map<number, Lane<W>>>();
  #size = 0;
  /** Virtual time: that of the tenant served last; and the furthest of any. */
  #virtual = 0;
  #furthest = 0;

  get size(): number {
    return this.#size;
  }

  add(waiter: W): void {
    const { tenant, priority } = waiter;
    const open = this.#laneOf(waiter);
    if (open === undefined)
      this.#open({ tenant, priority, since: this.#virtual, waiters: [waiter], index: 0 });
    else open.waiters.push(waiter);
    this.#size++;
  }

  /** Who is next. */
  first(): W | null {
    let best: Lane<W> | null = null;
    for (const lane of this.#lanes) if (best === null || before(lane, best)) best = lane;
    return best === null ? null : best.waiters[0];
  }

  /** It is served: its tenant moves on in virtual time by its tokens. */
  serve(waiter: W): void {
    const lane = this.#laneOf(waiter);
    if (lane === undefined) return;
    const at = virtualTimeOf(lane);
    const { tenant } = waiter;
    tenant.served = at + Math.max(1, waiter.tokens);
    this.#virtual = Math.max(this.#virtual, at);
    this.#furthest = Math.max(this.#furthest, tenant.served);
    this.remove(waiter);
  }

  /** It waits no more, and was not served. */
  remove(waiter: W): void {
    const lane = this.#laneOf(waiter);
    if (lane === undefined) return;
    lane.waiters.splice(lane.waiters.indexOf(waiter), 1);
    this.#size--;
    if (lane.waiters.length === 0) this.#close(lane);
    if (this.#size === 0) this.#virtual = this.#furthest;
  }

  /** Who has waited longest. */
  oldest(): W | null {
    let oldest: W | null = null;
    for (const { waiters } of this.#lanes)
      if (oldest === null || waiters[0].arrivedMs < oldest.arrivedMs) oldest = waiters[0];
    return oldest;
  }

  /** Who is the first to make room: the newest of the longest lane of the lowest priority. */
  last(): W | null {
    return this.#lastLane()?.waiters.at(-1) ?? null;
  }

  /**
   * Who makes room for a newcomer: `last`, if its priority is lower than the newcomer's, or is the same and its tenant
   * has then still as many waiting as the newcomer's. Else null.
   */
  displacedBy(newcomer: Waiter): W | null {
    const lane = this.#lastLane();
    if (lane === null || lane.priority > newcomer.priority) return null;
    const own = this.#laneOf(newcomer)?.waiters.length ?? 0;
    if (lane.priority === newcomer.priority && lane.waiters.length - 1 < own + 1) return null;
    return this.last();
  }

  #lastLane(): Lane<W> | null {
    let last: Lane<W> | null = null;
    for (const lane of this.#lanes) {
      if (last === null || lane.priority < last.priority) last = lane;
      else if (lane.priority === last.priority && lane.waiters.length > last.waiters.length) last = lane;
    }
    return last;
  }

  #laneOf({ tenant, priority }: Waiter): Lane<W> | undefined {
    return this.#ofTenant.get(tenant)?.get(priority);
  }

  #open(lane: Lane<W>): void {
    const { tenant, priority } = lane;
    lane.index = this.#lanes.push(lane) - 1;
    const lanes = this.#ofTenant.get(tenant);
    if (lanes === undefined) this.#ofTenant.set(tenant, new Map([[priority, lane]]));
    else lanes.set(priority, lane);
  }

  /** The last takes its place: the order of lanes means nothing. */
  #close({ tenant, priority, index }: Lane<W>): void {
    const last = this.#lanes.pop() as Lane<W>;
    if (index < this.#lanes.length) {
      this.#lanes[index] = last;
      last.index = index;
    }
    const lanes = this.#ofTenant.get(tenant);
    lanes?.delete(priority);
    if (lanes?.size === 0) this.#ofTenant.delete(tenant);
  }
}

function virtualTimeOf({ since, tenant }: Lane<Waiter>): number {
  return Math.max(since, tenant.served);
}

function before(a: Lane<Waiter>, b: Lane<Waiter>): boolean {
  if (a.priority !== b.priority) return a.priority > b.priority;
  const difference = virtualTimeOf(a) - virtualTimeOf(b);
  return difference === 0 ? a.waiters[0].arrivedMs < b.waiters[0].arrivedMs : difference < 0;
}
