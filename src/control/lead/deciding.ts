import { sameCapacity } from "../../core/planning/capacity-change.ts";
import type { PoolCapacity } from "../../model/pool-capacity.ts";
import type { PoolWindow } from "../../model/pool-window.ts";
import type { RoutingSnapshot } from "../../model/snapshot.ts";
import type { Topology } from "../../model/topology.ts";
import { encodeLearned } from "../messages/learned-load.ts";
import type { Outlook, Planner } from "../plan/planner.ts";
import { type DecisionLog, weighedChange } from "./decision-log.ts";
import { capacityInService } from "./in-service.ts";
import { keepDecisions } from "./keep-decisions.ts";
import type { PoolPublisher } from "./pool-publisher.ts";
import type { Rollouts } from "./rollouts.ts";
import type { SerialActions } from "./serial-actions.ts";

/** What was learned is kept for the next leader this often. */
const LEARNED_EVERY_MS = 10_000;
/** Kept for a planner that is busy; of more, the oldest are dropped. */
const WINDOWS_KEPT = 32;

export interface DecidingOptions {
  readonly planner: Planner;
  readonly topology: Topology;
  readonly actions: SerialActions;
  readonly publisher: PoolPublisher;
  readonly rollouts: Rollouts;
  readonly decision: DecisionLog;
  /** Receives what went wrong. */
  readonly onFailed: (error: unknown) => void;
}

/** What a decision rests on. */
interface Basis {
  readonly nowMs: number;
  readonly snapshot: RoutingSnapshot;
  readonly capacity: PoolCapacity;
}

/**
 * Asks the planner what to do next, one question at a time. The question is no action of the term: a plan that takes long
 * keeps nobody waiting. What comes of it is one, and is dropped where what it rests on is not so any more.
 */
export class Deciding {
  readonly #options: DecidingOptions;
  #windows: PoolWindow[] = [];
  #asking = false;
  #learnedAtMs: number;

  constructor(options: DecidingOptions, nowMs: number) {
    this.#options = options;
    this.#learnedAtMs = nowMs;
  }

  /** What the next question is about, beside what came before it since the last. */
  observe(window: PoolWindow): void {
    this.#windows.push(window);
    if (this.#windows.length > WINDOWS_KEPT) this.#windows.shift();
  }

  /** Asks, where there is something new and no question is open. */
  ask(nowMs: number): void {
    if (this.#asking || this.#windows.length === 0) return;
    this.#asking = true;
    void this.#ask(nowMs)
      .catch(this.#options.onFailed)
      .finally(() => {
        this.#asking = false;
      });
  }

  async #ask(nowMs: number): Promise<void> {
    const { planner, topology, actions, publisher, rollouts } = this.#options;
    const { snapshot, operatorState } = publisher.state;
    const basis = { nowMs, snapshot, capacity: capacityInService(topology, operatorState) };
    const windows = this.#windows;
    this.#windows = [];
    const outlook = await planner.plan({
      nowMs,
      windows,
      // One change at a time: what is decided during a rollout would be decided on the placement it replaces.
      decide: !rollouts.underWay,
      capacity: basis.capacity,
    });
    await actions.act(() => this.#carryOut(outlook, basis));
    if (nowMs - this.#learnedAtMs < LEARNED_EVERY_MS) return;
    this.#learnedAtMs = nowMs;
    const learned = encodeLearned(await planner.learned());
    await publisher.put("learned", learned);
  }

  async #carryOut({ decision, expertLoad }: Outlook, basis: Basis): Promise<void> {
    const { publisher, rollouts, decision: last } = this.#options;
    last.changes.expect(expertLoad);
    if (decision === null || !this.#holds(basis)) return;
    const { kind, reason, kept, shares, plan, explanation } = decision;
    const held = kind === "placement" && publisher.state.operatorState.paused;
    last.reason = held ? `paused; it would be ${reason}` : reason;
    last.explanation = explanation;
    const stays = held ? last.reason : kept;
    if (stays !== null) last.kept(stays, explanation);
    if (kind === "shares" && shares !== null) {
      await publisher.publishShares(reason, plan);
      last.shares(shares.reason, shares.explanation);
    }
    if (kind === "placement" && !held)
      rollouts.start({ kind, reason, weighed: weighedChange(explanation), target: plan.placement });
    await keepDecisions(publisher, last, basis.nowMs);
  }

  /** Whether the placement, the ranks and their part in it are as they were when it was asked. */
  #holds({ snapshot, capacity }: Basis): boolean {
    const { topology, publisher, rollouts } = this.#options;
    const { state } = publisher;
    return (
      !rollouts.underWay &&
      state.snapshot === snapshot &&
      sameCapacity(capacityInService(topology, state.operatorState), capacity)
    );
  }
}
