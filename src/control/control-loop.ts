import type { Decision } from "../core/planning/balancer.ts";
import type { Clock } from "../lib/clock.ts";
import type { Placement } from "../model/placement.ts";
import type { EpochReport, PoolReport } from "../model/pool-report.ts";
import type { RoutingSnapshot } from "../model/snapshot.ts";
import type { ExpertPlane } from "./expert-plane.ts";
import type { Planner } from "./planner.ts";
import { poolReport } from "./pool-reporter.ts";
import type { SnapshotStore } from "./snapshot-store.ts";

/** Epochs remembered for those who join later. */
const EPOCHS_REMEMBERED = 1000;

export interface ControlLoopOptions {
  readonly plane: ExpertPlane;
  readonly store: SnapshotStore;
  /** The loop's own: it closes it. */
  readonly planner: Planner;
  /** The model's name. */
  readonly model: string;
  readonly roundMs: number;
  /** How long the ranks may take to get ready for a placement. */
  readonly prepareTimeoutMs: number;
  readonly clock: Clock;
  /** Milliseconds since 1970, for people. */
  readonly wallClock: () => number;
  /** Hears of what went wrong in a round; the loop goes on. */
  readonly onFault: (fault: Error) => void;
}

/** The slow path of one pool: observe, decide, roll out, publish, report; round by round. */
export class ControlLoop {
  readonly pool: string;
  readonly #options: ControlLoopOptions;
  readonly #listeners = new Set<(report: PoolReport) => void>();
  readonly #epochs: EpochReport[] = [];
  readonly #stopping = new AbortController();
  #timer: NodeJS.Timeout | null = null;
  #round: Promise<void> | null = null;
  #rollout: Promise<void> | null = null;
  #pending: { readonly epoch: number; readonly placement: Placement } | null = null;
  #snapshot: RoutingSnapshot | null = null;
  #report: PoolReport | null = null;
  #movedSlots = 0;
  #decision = "nothing decided yet";

  constructor(options: ControlLoopOptions) {
    this.pool = options.plane.pool;
    this.#options = options;
  }

  /** Publishes the first epoch, which places for a uniform load, and begins to observe. */
  async start(): Promise<void> {
    const { planner, roundMs, onFault } = this.#options;
    await this.#publish({
      kind: "placement",
      reason: "first placement, for a uniform load",
      plan: await planner.current(),
      moves: { slots: 0, bytes: 0 },
    });
    this.#stopping.signal.throwIfAborted();
    this.#timer = setInterval(() => {
      // A round that takes long takes the place of those that would have begun meanwhile.
      this.#round ??= this.#tick()
        .catch(onFault)
        .finally(() => {
          this.#round = null;
        });
    }, roundMs);
  }

  /** Ends after the round under way; a rollout that has not been published is given up. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#stopping.abort(new Error("the control loop is stopping"));
    await this.#round;
    await this.#rollout;
    await this.#options.planner.close();
  }

  report(): PoolReport | null {
    return this.#report;
  }

  /** @returns the way to stop listening */
  onReport(listener: (report: PoolReport) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  epochs(): readonly EpochReport[] {
    return this.#epochs;
  }

  /** @throws Error before `start` has resolved */
  snapshot(): RoutingSnapshot {
    if (this.#snapshot === null)
      throw new Error(`pool ${this.pool} has no epoch before its control loop starts`);
    return this.#snapshot;
  }

  pending(): { readonly epoch: number; readonly placement: Placement } | null {
    return this.#pending;
  }

  async #tick(): Promise<void> {
    const { plane, planner, clock, wallClock } = this.#options;
    const window = await plane.observe();
    if (window === null) return;
    // One change at a time: what is decided during a rollout would be decided on the placement it replaces.
    const decide = this.#rollout === null;
    const { decision, expertLoad } = await planner.plan({ nowMs: clock.now(), window, decide });
    if (decision !== null) {
      this.#decision = decision.reason;
      if (decision.kind === "shares") await this.#publish({ ...decision, kind: "shares" });
      if (decision.kind === "placement") this.#rollOut({ ...decision, kind: "placement" });
    }
    this.#report = poolReport(this.snapshot(), window, {
      atMs: wallClock(),
      expertLoad,
      movedSlots: this.#movedSlots,
      decision: this.#decision,
    });
    for (const listener of this.#listeners) listener(this.#report);
  }

  /** Copies weights while rounds go on; publishes once every rank is ready, else leaves everything as it was. */
  #rollOut(decision: Published): void {
    const { plane, prepareTimeoutMs, onFault } = this.#options;
    const { placement } = decision.plan;
    const epoch = this.snapshot().epoch + 1;
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(prepareTimeoutMs)]);
    this.#pending = { epoch, placement };
    this.#rollout = plane
      .prepare(placement, epoch, signal)
      .then(() => this.#publish(decision))
      .catch((cause: unknown) => {
        if (this.#stopping.signal.aborted) return;
        this.#decision = `placement for epoch ${epoch} given up: ${String(cause)}`;
        onFault(new Error(this.#decision, { cause }));
      })
      .finally(() => {
        this.#pending = null;
        this.#rollout = null;
      });
  }

  async #publish(change: Published): Promise<void> {
    const { store, model, plane, planner, wallClock } = this.#options;
    const { placement, replicas, shares } = change.plan;
    const epoch = (store.latest(this.pool)?.epoch ?? 0) + 1;
    await store.publish({
      pool: this.pool,
      model,
      epoch,
      change: {
        kind: change.kind,
        reason: change.reason,
        atMs: wallClock(),
        movedSlots: change.moves.slots,
        movedBytes: change.moves.bytes,
      },
      placement,
      replicas,
      shares,
      missing: [],
    });
    const published = store.latest(this.pool);
    if (published === null) throw new Error(`the store has lost epoch ${epoch} of pool ${this.pool}`);
    this.#snapshot = published;
    planner.accept(change.plan);
    this.#movedSlots += change.moves.slots;
    this.#epochs.push({ pool: this.pool, epoch, ...published.change });
    if (this.#epochs.length > EPOCHS_REMEMBERED) this.#epochs.shift();
    plane.commit(published);
  }
}

/** The part of a decision that an epoch is made of. */
interface Published {
  readonly kind: "shares" | "placement";
  readonly reason: string;
  readonly plan: Decision["plan"];
  readonly moves: Pick<Decision["moves"], "slots" | "bytes">;
}
