import type { Clock } from "../../lib/clock.ts";
import { Reading } from "../../lib/reading.ts";
import type { AdmissionUsage } from "../admission/usage.ts";
import { type Moved, sumMoved } from "../locality/moved.ts";
import type { ServingPool } from "../serving-pool.ts";
import { BegunTotals, begunSince } from "./begun-since.ts";
import {
  type GatewayReport,
  type InFlight,
  decodeGatewayReport,
  encodeGatewayReport,
} from "./gateway-report.ts";
import { type ShardCounts, countsKey, sumUsage } from "./shared-counts.ts";

/** How often gateways report what they have in flight: a limit may be exceeded for a little longer than this. */
export const SHARE_EVERY_MS = 100;
/** A report counts for so long; without the store for so long, this gateway forgets all of them. */
const STALE_MS = 3000;

/** Where gateways exchange reports; as `Store.share` in control/store.ts. */
export interface Sharing {
  share(gateway: string, usage: Uint8Array, staleMs: number): Promise<ReadonlyMap<string, Uint8Array>>;
}

interface Received {
  readonly report: GatewayReport;
  readonly atMs: number;
}

const NOTHING: AdmissionUsage = { inFlight: 0, requests: 0, tokens: 0, tenants: [] };

/**
 * What the gateways of one cluster have in flight, and what their tenants have begun, so that they keep limits together
 * and see each other's load. While the store is gone each gateway goes by itself, and what was begun then is not made
 * up for afterwards: a limit is exceeded rather than kept twice.
 */
export class GatewayBoard {
  readonly #sharing: Sharing;
  readonly #gateway: string;
  readonly #clock: Clock;
  readonly #own = new BegunTotals();
  #ownShards: GatewayReport["shards"] = new Map();
  #ownMoved: Moved = new Map();
  /** Counts the reports that cannot be read. */
  readonly reading: Reading<"gateway_report">;
  /** The last report of each remote gateway. */
  readonly #remote = new Map<string, Received>();
  /** Begun at remote gateways and not yet taken. */
  #begun: AdmissionUsage = NOTHING;
  #lastMs = Number.NEGATIVE_INFINITY;
  /** Reports that the store did not take. */
  unshared = 0;

  /** @param onFault receives one line for each kind of report that cannot be read */
  constructor(sharing: Sharing, gateway: string, clock: Clock, onFault: (fault: Error) => void) {
    this.#sharing = sharing;
    this.#gateway = gateway;
    this.#clock = clock;
    this.reading = new Reading("gateways", ["gateway_report"], onFault);
  }

  /**
   * @param usage what this gateway has inside, and has begun since the last call
   * @param counts by countsKey
   * @param moved as Localities has it
   */
  report(
    usage: AdmissionUsage,
    pools: readonly ServingPool[],
    counts: ReadonlyMap<string, ShardCounts>,
    moved: Moved,
  ): void {
    this.#own.add(usage);
    const shards = new Map<string, InFlight>();
    for (const { engine } of pools) {
      const own = counts.get(countsKey(engine));
      if (own === undefined) continue;
      for (const [i, { id }] of engine.shards.entries()) {
        if (own.requests[i] > 0) shards.set(id, [own.requests[i], own.tokens[i], own.prefillTokens[i]]);
      }
    }
    this.#ownShards = shards;
    this.#ownMoved = moved;
  }

  /** What requests of the other gateways would hold more by experts. */
  get moved(): Moved {
    return sumMoved([...this.#remote.values()].map(({ report }) => report.moved));
  }

  /** What the other gateways have inside now, and have begun since the last call. */
  takeUsage(): AdmissionUsage {
    const now = [...this.#remote.values()].map(({ report }) => insideOf(report.admission));
    const usage = sumUsage([...now, this.#begun]);
    this.#begun = NOTHING;
    return usage;
  }

  /** What the other gateways have in flight on the shards of these pools. */
  shardsOf(pools: readonly ServingPool[]): Map<string, ShardCounts> {
    const remote = [...this.#remote.values()];
    return new Map(
      pools.map(({ engine }) => {
        const { length } = engine.shards;
        const counts = {
          requests: new Int32Array(length),
          tokens: new Float64Array(length),
          prefillTokens: new Float64Array(length),
        };
        for (const { report } of remote) {
          for (const [i, { id }] of engine.shards.entries()) {
            const [requests, tokens, prefillTokens] = report.shards.get(id) ?? [0, 0, 0];
            counts.requests[i] += requests;
            counts.tokens[i] += tokens;
            counts.prefillTokens[i] += prefillTokens;
          }
        }
        return [countsKey(engine), counts];
      }),
    );
  }

  /** Publishes the report and receives those of the others, once. Resolves also when the store does not answer. */
  async exchange(): Promise<void> {
    const report: GatewayReport = {
      admission: this.#own.totals(),
      shards: this.#ownShards,
      moved: this.#ownMoved,
    };
    let others: ReadonlyMap<string, Uint8Array>;
    try {
      others = await this.#sharing.share(this.#gateway, encodeGatewayReport(report), STALE_MS);
    } catch {
      // The store reports itself that it is gone.
      this.unshared++;
      if (this.#clock.now() - this.#lastMs > STALE_MS) this.#remote.clear();
      return;
    }
    this.#receive(others, this.#clock.now());
  }

  #receive(others: ReadonlyMap<string, Uint8Array>, nowMs: number): void {
    this.#lastMs = nowMs;
    for (const gateway of this.#remote.keys()) if (!others.has(gateway)) this.#remote.delete(gateway);
    for (const [gateway, bytes] of others) {
      const report = this.reading.read("gateway_report", () => decodeGatewayReport(bytes));
      const before = this.#remote.get(gateway);
      const recent = before !== undefined && nowMs - before.atMs <= STALE_MS;
      if (report === null) {
        if (!recent) this.#remote.delete(gateway);
        continue;
      }
      const begun = begunSince(recent ? before.report.admission : null, report.admission);
      this.#begun = sumUsage([this.#begun, begunOf(begun)]);
      this.#remote.set(gateway, { report, atMs: nowMs });
    }
  }
}

function insideOf(usage: AdmissionUsage): AdmissionUsage {
  const tenants = usage.tenants.filter(({ inside }) => inside > 0);
  return {
    inFlight: usage.inFlight,
    requests: 0,
    tokens: 0,
    tenants: tenants.map((tenant) => ({ ...tenant, requests: 0, tokens: 0 })),
  };
}

function begunOf(usage: AdmissionUsage): AdmissionUsage {
  const tenants = usage.tenants.filter(({ requests }) => requests > 0);
  return { ...usage, inFlight: 0, tenants: tenants.map((tenant) => ({ ...tenant, inside: 0 })) };
}
