import { gpusInService } from "../../model/placement.ts";
import type { Topology } from "../../model/topology.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Planner } from "../plan/planner.ts";
import { capacityInService } from "./in-service.ts";
import type { DecisionLog } from "./decision-log.ts";
import type { PoolPublisher } from "./pool-publisher.ts";
import { RankStates } from "./rank-states.ts";
import type { RankWatch } from "./rank-watch.ts";
import { ranksText } from "./ranks-text.ts";
import type { Rollouts } from "./rollouts.ts";

/** Missing experts that could not be brought back are tried again after so long. */
const REPAIR_AGAIN_MS = 5000;

export interface LossOptions {
  readonly topology: Topology;
  readonly planner: Planner;
  readonly publisher: PoolPublisher;
  readonly rollouts: Rollouts;
  readonly watch: RankWatch;
  readonly decision: DecisionLog;
  readonly clock: Clock;
}

/**
 * Makes the pool's snapshot true to what is stored of its ranks. Nothing hangs on an event: whatever was left undone, by
 * a planner that failed or by a leader that is gone, is found anew by who asks next.
 */
export class Losses {
  readonly #options: LossOptions;
  #repairAtMs = 0;

  constructor(options: LossOptions) {
    this.#options = options;
  }

  /** Stores what is known of ranks now, and does not count on those that are lost. */
  async store(states: RankStates): Promise<void> {
    const { publisher } = this.#options;
    if (states.changed)
      await publisher.putOperatorState({ ...publisher.state.operatorState, ...states.known });
    this.#discount();
  }

  /**
   * A snapshot that names a lost rank is followed by one without it; experts that have no replica are brought back; ranks
   * that have restarted, and are named no more, are live. Does nothing where all is so already.
   * Rejects as the planner and the store do: what is not done yet is done when it is called again.
   */
  async settle(): Promise<void> {
    this.#discount();
    const published = await this.#publishWithout();
    const back = await this.#takeBack();
    const { clock, publisher, rollouts } = this.#options;
    if (publisher.state.snapshot.missing.length === 0) return;
    const due = !rollouts.underWay && clock.now() >= this.#repairAtMs;
    if (published || back || due) await this.#repair();
  }

  #discount(): void {
    const { publisher, watch, rollouts, decision } = this.#options;
    const { ranks, operatorState } = publisher.state;
    const fresh = operatorState.lost.map(({ rank }) => rank).filter((rank) => ranks.isLive(rank));
    if (fresh.length === 0) return;
    for (const rank of fresh) {
      ranks.lose(rank);
      watch.forget(rank);
    }
    decision.reason = `${ranksText(fresh)} lost`;
    rollouts.giveUp(decision.reason);
  }

  /** @returns whether there was anything to publish */
  async #publishWithout(): Promise<boolean> {
    const { publisher, rollouts, decision } = this.#options;
    const named = new Set(gpusInService(publisher.state.snapshot.placement));
    const gone = publisher.state.ranks.lost.filter((rank) => named.has(rank));
    if (gone.length === 0) return false;
    const reason = `${ranksText(gone)} lost`;
    // What was begun on what was there before.
    rollouts.giveUp(reason);
    const { plan } = await this.#survive();
    const before = publisher.state.snapshot;
    await publisher.publishShares(reason, plan);
    decision.lost(reason, before, publisher.state.snapshot);
    return true;
  }

  /** @returns whether there was one */
  async #takeBack(): Promise<boolean> {
    const { publisher, decision } = this.#options;
    const { operatorState, ranks } = publisher.state;
    const back = operatorState.lost.filter(({ how }) => how === "restarted").map(({ rank }) => rank);
    if (back.length === 0) return false;
    const states = new RankStates(operatorState);
    for (const rank of back) states.takeBack(rank);
    await publisher.putOperatorState({ ...operatorState, ...states.known });
    for (const rank of back) ranks.restore(rank);
    decision.reason = `${ranksText(back)} back`;
    return true;
  }

  async #repair(): Promise<void> {
    const { clock, rollouts } = this.#options;
    this.#repairAtMs = clock.now() + REPAIR_AGAIN_MS;
    const { repair } = await this.#survive();
    if (repair === null) return;
    const reason = "missing experts are placed anew";
    rollouts.start({ kind: "repair", reason, weighed: null, target: repair.placement });
  }

  #survive(): ReturnType<Planner["survive"]> {
    const { planner, publisher, topology } = this.#options;
    const { ranks, operatorState } = publisher.state;
    return planner.survive({ lost: ranks.lost, capacity: capacityInService(topology, operatorState) });
  }
}
