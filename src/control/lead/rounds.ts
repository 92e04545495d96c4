import type { Clock } from "../../lib/clock.ts";
import type { ExpertPlane } from "../expert-plane.ts";
import type { PoolView } from "../follow/pool-view.ts";
import type { DecisionLog } from "./decision-log.ts";
import type { EngineNews } from "./engine-news.ts";
import { keepDecisions } from "./keep-decisions.ts";
import type { Losses } from "./losses.ts";
import type { PoolPublisher } from "./pool-publisher.ts";
import { RankStates } from "./rank-states.ts";
import type { RankWatch } from "./rank-watch.ts";
import type { Rollouts } from "./rollouts.ts";

export interface RoundOptions {
  readonly plane: ExpertPlane;
  readonly publisher: PoolPublisher;
  readonly rollouts: Rollouts;
  readonly losses: Losses;
  readonly watch: RankWatch;
  /** Between two rounds. */
  readonly roundMs: number;
  readonly engine: EngineNews;
  readonly decision: DecisionLog;
  /** What this gateway follows, which is what this leader publishes. */
  readonly view: Pick<PoolView, "unreadable">;
  readonly clock: Clock;
}

/** The rounds of a term: what is not true any more of what is published is made true. */
export class Rounds {
  readonly #options: RoundOptions;

  constructor(options: RoundOptions) {
    this.#options = options;
  }

  /** Rejects as the planner and the store do. */
  async take(): Promise<void> {
    const { losses, publisher, rollouts, engine, decision, view, clock } = this.#options;
    const nowMs = clock.now();
    await this.#miss(nowMs);
    await losses.settle();
    // A gateway that comes now cannot show ranks the stage that is waited for.
    if (view.unreadable.has("epoch")) rollouts.giveUp("the last epoch cannot be read");
    await publisher.putAgain(view.unreadable, rollouts.underWay);
    await engine.publish();
    await keepDecisions(publisher, decision, nowMs);
  }

  /** Ranks that have fallen silent are lost. Those in this process are looked at once a round, which is their window. */
  async #miss(nowMs: number): Promise<void> {
    const { plane, publisher, losses, watch, roundMs } = this.#options;
    const states = new RankStates(publisher.state.operatorState);
    for (const sign of plane.signs?.() ?? [])
      if (states.load({ ...sign, windowMs: roundMs, counted: "source" }))
        watch.reported(sign.rank, roundMs, nowMs);
    for (const rank of watch.silent(nowMs)) states.silent(rank);
    await losses.store(states);
  }
}
