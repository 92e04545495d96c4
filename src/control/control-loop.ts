import { randomBytes } from "node:crypto";
import { oneLine } from "../lib/printable.ts";
import type { RoutingSnapshot } from "../model/snapshot.ts";
import { type Topology, gpuCount } from "../model/topology.ts";
import type { MoeModel } from "../model/moe-model.ts";
import { gpusInService } from "../model/placement.ts";
import { encodeSnapshot } from "../model/snapshot-bytes.ts";
import { Leadership } from "./lead/leadership.ts";
import type { ReportShape } from "./messages/report-shape.ts";
import type { Leader } from "./messages/leader.ts";
import type { Planner } from "./plan/planner.ts";
import {
  type AckPhase,
  type Incarnation,
  type Order,
  type RankMessage,
  encodeMessage,
} from "./messages/pool-message.ts";
import { PoolView } from "./follow/pool-view.ts";
import { StageAge } from "./follow/stage-age.ts";
import type { TrafficFigures } from "./history/traffic-row.ts";
import { type AuditRecord, decodeAuditEntry, encodeAuditEntry } from "./messages/audit-entry.ts";
import { type RankState, rankState } from "./messages/operator-state.ts";
import type { PoolStore, Store } from "./store.ts";
import { Term, type TermOptions } from "./lead/term.ts";
import type { TermLimits } from "./lead/term-limits.ts";

export interface ControlLoopOptions
  extends Omit<
      TermOptions,
      "store" | "onRolloutOver" | "onBroken" | "planner" | "requestsInFlight" | "limits"
    >,
    TermLimits {
  readonly store: Store;
  /** The loop's own: it closes it. */
  readonly planner: Planner;
  readonly leaseMs: number;
  /** What the loop before this one followed the pool by: it goes on. Absent for a pool that is new here. */
  readonly view?: PoolView;
}

/** An entry of the audit log, with its time in ms since 1970. */
type LoggedOrder = { readonly atMs: number } & (AuditRecord | { readonly unreadable: string });

/** What a gateway's part in a pool's control has come to. */
export interface ControlTotals {
  /** Terms as the leader that have begun here. */
  readonly terms: number;
  readonly rolloutsDone: number;
  readonly rolloutsGivenUp: number;
}

/**
 * The slow path of one pool in one gateway: it follows what the pool's leader publishes, passes on what ranks and
 * operators say to it, and leads the pool itself while it holds the lease.
 */
export class ControlLoop {
  readonly pool: string;
  readonly topology: Topology;
  readonly view: PoolView;
  readonly store: PoolStore;
  /** What it holds the lease as: its own name, so that two loops of one gateway never hold the same lease. */
  readonly holder: string;
  readonly #options: ControlLoopOptions;
  readonly #leadership: Leadership;
  readonly #stageAge: StageAge;
  readonly #totals = { terms: 0, rolloutsDone: 0, rolloutsGivenUp: 0 };
  /** Of nobody it is known that it sends requests, until somebody says so. */
  #requestsInFlight = () => 0;
  #limits: TermLimits;
  #term: Term | null = null;
  readonly #stopListening: (() => void)[] = [];

  constructor(options: ControlLoopOptions) {
    const { plane, store, topology, gateway, leaseMs, clock, onFault, view } = options;
    this.pool = plane.pool;
    this.topology = topology;
    this.store = store.pool(plane.pool);
    this.view = view ?? new PoolView(plane.pool, onFault);
    this.#options = options;
    this.#limits = options;
    this.#stageAge = new StageAge(this.view, clock);
    this.holder = `${gateway}/${randomBytes(6).toString("hex")}`;
    this.#leadership = new Leadership({
      store: this.store,
      holder: this.holder,
      leaseMs,
      clock,
      onGained: (token) => this.#lead(token),
      onLost: () => this.#resign(),
      onFault,
    });
  }

  /**
   * Resolves with an epoch in force where this gateway leads, or the leader's has come already. After `resign`, it
   * competes for the lease again.
   */
  async start(): Promise<void> {
    if (this.#stopListening.length === 0) this.#listen();
    this.view.follow(this.store);
    await this.#leadership.start();
  }

  /**
   * Leads no more, from after the action under way; a rollout that has not been published is given up. It goes on
   * following, and passes on what ranks and operators say.
   */
  resign(): Promise<void> {
    return this.#leadership.stop();
  }

  /** Resigns and ends. @param viewGoesOn whether another loop of this pool has the view from now on */
  async stop(viewGoesOn = false): Promise<void> {
    await this.resign();
    for (const stop of this.#stopListening.splice(0)) stop();
    if (!viewGoesOn) this.view.close();
    await this.#options.planner.close();
  }

  #listen(): void {
    const { plane, store } = this.#options;
    const commit = (snapshot: RoutingSnapshot) => plane.commit(snapshot);
    this.#stopListening.push(
      this.view.onSnapshot(commit),
      this.view.onChange(() => this.#stageAge.look()),
      store.onFault((fault) => {
        if (fault === null) void this.#handBack();
      }),
    );
    if (this.view.snapshot !== null) commit(this.view.snapshot);
  }

  /** Goes by others from now on, in the term that it leads too. */
  limitBy(limits: TermLimits): void {
    this.#limits = limits;
  }

  /** @param inFlight how many requests the pool's servers are working on, of all gateways, from now on */
  countRequestsBy(inFlight: () => number): void {
    this.#requestsInFlight = inFlight;
  }

  get leading(): boolean {
    return this.#term !== null && this.#leadership.token !== null;
  }

  /** Who leads, as far as is known here now: what a leader left in the store outlives it. Null where nobody is known to. */
  get leader(): Leader | null {
    const { leader } = this.view;
    const here = leader?.gateway === this.#options.gateway;
    return this.#leadership.heldBy === (here ? "this" : "another") ? leader : null;
  }

  /** How long the stage of a rollout has been under way; 0 while none is. */
  get stageAgeMs(): number {
    return this.#stageAge.ms;
  }

  get totals(): ControlTotals {
    return this.#totals;
  }

  /** @throws Error before the first epoch has come */
  snapshot(): RoutingSnapshot {
    if (this.view.snapshot === null) throw new Error(`pool ${this.pool} has no epoch yet`);
    return this.view.snapshot;
  }

  /**
   * Passes on what a rank has done.
   * @returns whether that epoch's stage waits for it; what it does not wait for is passed on only where it shows that the
   *   rank has started again
   */
  async acknowledge(
    epoch: number,
    rank: number,
    phase: AckPhase,
    incarnation: Incarnation,
  ): Promise<boolean> {
    const { pending } = this.view.rollout;
    const awaited = pending?.epoch === epoch && (phase === "prepared" || pending.phase === "commit");
    if (!awaited && !this.#isNews(rank, incarnation)) return false;
    await this.store.send(encodeMessage({ kind: "ack", epoch, rank, phase, incarnation }), null);
    return awaited;
  }

  async reportRank(rank: number, state: RankMessage["state"], incarnation: Incarnation): Promise<void> {
    await this.store.send(encodeMessage({ kind: "rank", rank, state, incarnation }), null);
  }

  /** Passes on what this gateway has measured of a slot of time. */
  async reportTraffic(atS: number, measured: TrafficFigures): Promise<void> {
    await this.store.send(encodeMessage({ kind: "traffic", atS, ...measured }), null);
  }

  /** Whether the leader does not know of this start of a rank, as far as is known here. */
  #isNews(rank: number, incarnation: Incarnation): boolean {
    if (incarnation === null) return false;
    const known = this.view.operatorState.incarnations.find((one) => one.rank === rank);
    return known?.incarnation !== incarnation && known?.before.includes(incarnation) !== true;
  }

  /** @param by who gives it, for the audit log */
  async order(order: Order, by: string): Promise<void> {
    const entry = encodeAuditEntry({ by, gateway: this.#options.gateway, order });
    await this.store.send(encodeMessage({ kind: "order", order }), entry);
  }

  /** The latest entries of the audit log, the newest first; `unreadable` is one as it stands. */
  async audit(count: number): Promise<readonly LoggedOrder[]> {
    const entries = await this.store.audit(count);
    return entries.map(({ atMs, entry }) => {
      const read = this.view.reading.read("audit_entry", () => decodeAuditEntry(entry));
      return { atMs, ...(read ?? { unreadable: oneLine(entry) }) };
    });
  }

  get ranks(): number {
    return gpuCount(this.topology);
  }

  /** `[ranks]` */
  get rankStates(): readonly RankState[] {
    const { snapshot, operatorState } = this.view;
    const inService = new Set(snapshot === null ? [] : gpusInService(snapshot.placement));
    return Array.from({ length: this.ranks }, (_, rank) =>
      rankState(operatorState, rank, inService.has(rank)),
    );
  }

  get model(): MoeModel {
    return this.#options.model;
  }

  /** What its reports must have the shape of. */
  get shape(): ReportShape {
    const { model } = this.#options;
    return { layers: model.moeLayers.length, experts: model.experts, gpus: this.ranks };
  }

  /** A store that comes back may have lost what every gateway still has. */
  async #handBack(): Promise<void> {
    const { snapshot } = this.view;
    if (snapshot === null) return;
    // Where it does not take it, it is gone again, and will be back.
    await this.store.restore(snapshot.epoch, encodeSnapshot(snapshot)).catch(() => {});
  }

  async #lead(token: number): Promise<void> {
    this.#term = await Term.begin(
      {
        ...this.#options,
        store: this.store,
        limits: () => this.#limits,
        requestsInFlight: () => this.#requestsInFlight(),
        onRolloutOver: (done) => void (done ? this.#totals.rolloutsDone++ : this.#totals.rolloutsGivenUp++),
        onBroken: () => void this.#leadership.startOver(),
      },
      token,
      this.view,
    );
    this.#totals.terms++;
  }

  async #resign(): Promise<void> {
    const term = this.#term;
    this.#term = null;
    await term?.end();
  }
}
