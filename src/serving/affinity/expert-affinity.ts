import { ExpectedHops } from "../../core/batching/expected-hops.ts";
import { ExpectedPrices } from "../../core/batching/expected-prices.ts";
import type { ReplicaMap } from "../../model/replica-map.ts";
import type { Learned } from "../../core/load/expert-rows.ts";
import { ExpertSketch } from "../../core/load/expert-sketch.ts";
import type { Clock } from "../../lib/clock.ts";
import { WorkTurns } from "../../lib/work-turns.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import { type RoutingTrace, thinned } from "../../model/routing-trace.ts";
import { type Topology, gpuCount, nodeOfGpu } from "../../model/topology.ts";
import type { ExpertOutlook } from "../../routing/routable-request.ts";
import { RequestKind, applicationKey, tenantKey } from "./request-kind.ts";

export interface ExpertAffinityOptions {
  readonly model: MoeModel;
  readonly topology: Topology;
  /** Each of equally many GPUs, in their order. */
  readonly shards: number;
  /** See ExpertSketch. */
  readonly sketchBytes: number;
  readonly clock: Clock;
  /** Runs a turn of work once requests have had their time. */
  readonly later: (turn: () => void) => void;
}

/** Kinds remembered at most; one takes 16 bytes a shard. The one observed longest ago is dropped. */
const MOST_KINDS = 1024;
/** Observations that wait for their turn; more are ignored. */
const MOST_WAITING = 64;
/** Looked at of a request; for DeepSeek-V3 these have 60 kB. */
const MOST_TOKENS = 64;
/** A turn begins nothing more after so long. An observation and a kind take 1.4 ms for DeepSeek-V3 on 32 GPUs. */
const TURN_MS = 1;
/** The key of all requests together. */
const POOL = 0;
/** Kinds that others are asked for at a time. */
const MOST_WANTED = 64;
/** Applications met once: places in which the next one may be recognised. */
const MET_ONCE = 4096;

interface Observation {
  /** As `tenantKey` and `applicationKey` make them; 0 for none. */
  readonly tenant: number;
  readonly application: number;
  readonly routing: RoutingTrace;
}

/**
 * What requests are expected to cost on each shard of a pool, learned from the experts that requests before them were
 * routed to. The kinds of request are the pool's own, each tenant, and each application of a tenant: prompts with the
 * same first block. More than one block cannot be asked for: the author of an application's system prompt decides
 * how its first 256 bytes read, and a tool list that differs makes another; further in come dates and names, which
 * would make a kind of every user. Prompts without a whole block count as their tenant's.
 *
 * A request uses what was computed for its kind, and does not wait for anything newer. Learning and computing are done
 * in turns, an observation and a kind at a time.
 */
export class ExpertAffinity {
  readonly #options: ExpertAffinityOptions;
  readonly #sketch: ExpertSketch;
  readonly #pool = new RequestKind({ tenant: null, prefix: null });
  /** The longest unobserved first. */
  readonly #kinds = new Map<number, RequestKind>();
  /** An application only gets a place among the kinds when it is met again: most prompts are met once. */
  readonly #metOnce = new Float64Array(MET_ONCE);
  readonly #observations: Observation[] = [];
  /** Kinds of which something was observed since they were last shared; 0 is the pool. */
  readonly #changed = new Set<number>();
  /** Kinds that were asked for and are not known, with their tenants'. */
  readonly #wanted = new Map<number, number>([[POOL, 0]]);
  /** To be worked out, each once. */
  readonly #stale: RequestKind[] = [];
  readonly #prediction: Float64Array;
  /** `[nodes]`, `[nodes]`, `[gpus]` */
  readonly #nodeHops: Float64Array;
  readonly #marginalLoad: Float64Array;
  readonly #ownVisits: Float64Array;
  /** Of the map switched to last. */
  #expected: { readonly hops: ExpectedHops; readonly prices: ExpectedPrices } | null = null;
  /** Maps switched to so far. */
  #version = 0;
  /** Of learning and working out. */
  readonly #turns: WorkTurns;

  constructor(options: ExpertAffinityOptions) {
    const { model, topology, sketchBytes, clock, later } = options;
    const layers = model.moeLayers.length;
    this.#options = options;
    this.#sketch = new ExpertSketch(layers, model.experts, model.topk, sketchBytes);
    this.#prediction = new Float64Array(layers * model.experts);
    this.#nodeHops = new Float64Array(topology.nodes);
    this.#marginalLoad = new Float64Array(topology.nodes);
    this.#ownVisits = new Float64Array(gpuCount(topology));
    this.#turns = new WorkTurns(clock, TURN_MS, later, () => this.#step());
  }

  /** Tenants and applications that are known. */
  get kinds(): number {
    return this.#kinds.size;
  }

  /** Numbers in what is learned of a kind: the model's MoE layers × experts. */
  get selections(): number {
    return this.#prediction.length;
  }

  /** Takes over what was learned before, for the same shards or others, where it is of the same model. */
  resume(before: ExpertAffinity): void {
    const { model, shards } = this.#options;
    if (before.#options.model.name !== model.name || before.#prediction.length !== this.#prediction.length)
      return;
    this.#metOnce.set(before.#metOnce);
    for (const [key, old] of [[POOL, before.#pool] as const, ...before.#kinds]) {
      const learned = before.#sketch.known(old.origin);
      if (learned.tokens === 0) continue;
      const { tenant, prefix } = old.origin;
      const kind = key === POOL ? this.#pool : this.#kind(key, tenant, prefix);
      this.#sketch.take(old.origin, learned);
      const stale = kind.learned(learned.tokens);
      // What was worked out serves until it is worked out anew.
      if (before.#options.shards === shards) kind.outlook = old.outlook;
      else if (stale) this.#queue(kind);
    }
  }

  /** The placement and prices that requests are routed by from now on; without effect where it is not its model's. */
  switchTo(map: ReplicaMap): void {
    if (!this.#fits(map)) return;
    this.#expected = { hops: new ExpectedHops(map), prices: new ExpectedPrices(map) };
    this.#version++;
  }

  /**
   * @param prefix as in RoutableRequest
   * @returns what is known of its application, else of its tenant, else of all requests; null when there is nothing
   */
  of(tenant: string, prefix: Uint32Array): ExpertOutlook | null {
    const key = tenantKey(tenant);
    const application = applicationKey(key, prefix);
    const kind = this.#worked(application) ?? this.#worked(key) ?? this.#pool;
    if (kind.origin.prefix === null) this.#want(application, key);
    if (kind === this.#pool) this.#want(key, key);
    if (kind.outlook !== null && kind.version !== this.#version) this.#queue(kind);
    return kind.outlook;
  }

  /** Some tokens of such a request, at the model's MoE layers. */
  observe(tenant: string, prefix: Uint32Array, routing: RoutingTrace): void {
    if (this.#observations.length === MOST_WAITING) return;
    const key = tenantKey(tenant);
    const application = applicationKey(key, prefix);
    this.#observations.push({ tenant: key, application, routing: thinned(routing, MOST_TOKENS) });
    this.#turns.wake();
  }

  /** Kinds that have changed since the last call, by their keys, each with what is known of it. */
  *changed(most: number): Generator<readonly [key: number, learned: Learned]> {
    for (const key of [...this.#changed].slice(0, most)) {
      this.#changed.delete(key);
      const origin = key === POOL ? this.#pool.origin : this.#kinds.get(key)?.origin;
      if (origin !== undefined) yield [key, this.#sketch.known(origin)];
    }
  }

  /** Kinds that requests were of since the last call, and that nothing is known of here. */
  wanted(): readonly (readonly [key: number, tenant: number])[] {
    const wanted = [...this.#wanted];
    this.#wanted.clear();
    return wanted;
  }

  /** What others know of a kind, if that is more. @param tenant the key of its tenant */
  take(key: number, tenant: number, learned: Learned): void {
    if (this.#expected === null) return void this.#wanted.set(key, tenant);
    const ofTenant = tenant === 0 ? null : `${tenant}`;
    const kind = key === POOL ? this.#pool : this.#kind(key, ofTenant, key === tenant ? null : `${key}`);
    const { tokens, counts } = this.#sketch.known(kind.origin);
    if (learned.tokens <= tokens || learned.counts.length !== counts.length) return;
    this.#sketch.take(kind.origin, learned);
    if (kind.learned(learned.tokens)) this.#queue(kind);
  }

  /** A gateway that has another configuration may lead the pool. */
  #fits({ placement }: ReplicaMap): boolean {
    const { model, topology } = this.#options;
    return (
      placement.layers === model.moeLayers.length &&
      placement.experts === model.experts &&
      placement.topology.nodes === topology.nodes &&
      gpuCount(placement.topology) === gpuCount(topology)
    );
  }

  #want(key: number, tenant: number): void {
    if (key !== 0 && !this.#kinds.has(key) && this.#wanted.size < MOST_WANTED) this.#wanted.set(key, tenant);
  }

  #worked(key: number): RequestKind | null {
    const kind = key === 0 ? undefined : this.#kinds.get(key);
    return kind === undefined || kind.outlook === null ? null : kind;
  }

  /** Without effect where too much waits, or there is no map: the kind is asked for, or observed, again. */
  #queue(kind: RequestKind): void {
    if (kind.queued || this.#expected === null || this.#stale.length === MOST_KINDS) return;
    kind.queued = true;
    this.#stale.push(kind);
    this.#turns.wake();
  }

  /** An observation and a kind. */
  #step(): boolean {
    const observation = this.#observations.shift();
    if (observation !== undefined) this.#learn(observation);
    this.#workOutNext();
    return this.#observations.length > 0 || this.#stale.length > 0;
  }

  #learn({ tenant, application, routing }: Observation): void {
    const ofTenant = tenant === 0 ? null : `${tenant}`;
    const ofApplication = this.#metAgain(application) ? `${application}` : null;
    this.#sketch.observe({ tenant: ofTenant, prefix: ofApplication }, routing);
    // What is not taken in time is dropped, but for those observed again.
    if (this.#changed.size >= MOST_KINDS) this.#changed.clear();
    this.#changed.add(POOL);
    if (ofTenant !== null) this.#changed.add(tenant);
    if (ofApplication !== null) this.#changed.add(application);
    const seen = [this.#pool];
    if (ofTenant !== null) seen.push(this.#kind(tenant, ofTenant, null));
    if (ofApplication !== null) seen.push(this.#kind(application, ofTenant, ofApplication));
    for (const kind of seen) if (kind.learned(routing.tokens)) this.#queue(kind);
  }

  #metAgain(application: number): boolean {
    if (application === 0) return false;
    if (this.#kinds.has(application)) return true;
    const place = application % MET_ONCE;
    const again = this.#metOnce[place] === application;
    this.#metOnce[place] = application;
    return again;
  }

  /** The kind of that key, now the last to be dropped. */
  #kind(key: number, tenant: string | null, prefix: string | null): RequestKind {
    const kind = this.#kinds.get(key) ?? new RequestKind({ tenant, prefix });
    this.#kinds.delete(key);
    if (this.#kinds.size === MOST_KINDS) this.#kinds.delete(this.#kinds.keys().next().value as number);
    this.#kinds.set(key, kind);
    return kind;
  }

  #workOutNext(): void {
    const kind = this.#stale.shift();
    if (kind === undefined || this.#expected === null) return;
    const { hops, prices } = this.#expected;
    this.#sketch.predict(kind.origin, this.#prediction);
    hops.from(this.#prediction, this.#nodeHops, this.#ownVisits);
    prices.from(this.#prediction, this.#marginalLoad);
    const nodeHops = this.#ofShards(this.#nodeHops);
    const marginalLoad = this.#ofShards(this.#marginalLoad);
    kind.workedOut({ nodeHops, marginalLoad }, this.#version);
  }

  /** `[nodes]` → `[shards]`: the mean over a shard's GPUs. */
  #ofShards(ofNodes: Float64Array): Float64Array {
    const { topology, shards } = this.#options;
    const gpus = gpuCount(topology);
    const ofShards = new Float64Array(shards);
    const each = gpus / shards;
    for (let gpu = 0; gpu < gpus; gpu++) {
      ofShards[Math.floor(gpu / each)] += ofNodes[nodeOfGpu(topology, gpu)] / each;
    }
    return ofShards;
  }
}
