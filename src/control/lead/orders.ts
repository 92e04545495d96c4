import { usablePart } from "../../core/placement/rehome-experts.ts";
import { decodeSnapshot } from "../../model/snapshot-bytes.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import type { Topology } from "../../model/topology.ts";
import type { OperatorState } from "../messages/operator-state.ts";
import type { PoolReading } from "../messages/pool-reading.ts";
import type { Order } from "../messages/pool-message.ts";
import type { Planner } from "../plan/planner.ts";
import type { PoolStore } from "../store.ts";
import { fits } from "./fits.ts";
import { capacityInService } from "./in-service.ts";
import { type DecisionLog, weighedChange } from "./decision-log.ts";
import type { PoolPublisher } from "./pool-publisher.ts";
import type { Rollouts } from "./rollouts.ts";

export interface OrderOptions {
  readonly store: PoolStore;
  readonly model: MoeModel;
  readonly topology: Topology;
  readonly planner: Planner;
  readonly publisher: PoolPublisher;
  readonly rollouts: Rollouts;
  readonly decision: DecisionLog;
  readonly reading: PoolReading;
}

/** Does what operators ask of a pool. Each order may be given again where it failed half-way. */
export class Orders {
  readonly #options: OrderOptions;

  constructor(options: OrderOptions) {
    this.#options = options;
  }

  /** Rejects as the planner and the store do. */
  async obey(order: Order): Promise<void> {
    const { publisher, rollouts } = this.#options;
    const { operatorState } = publisher.state;
    const others = (rank: number) => operatorState.drained.filter((one) => one !== rank);
    const change = (changed: Partial<OperatorState>) =>
      publisher.putOperatorState({ ...operatorState, ...changed });
    switch (order.kind) {
      case "drain":
        await change({ drained: [...others(order.rank), order.rank] });
        return this.#replan(`rank ${order.rank} is to be drained`);
      case "undrain":
        await change({ drained: others(order.rank) });
        return this.#replan(`rank ${order.rank} may be used again`);
      case "pause":
        rollouts.giveUp("paused by an operator");
        return change({ paused: true });
      case "resume":
        return change({ paused: false });
      case "rebalance":
        return this.#replan("an operator asked");
      case "rollback":
        return this.#goBack(order.epoch);
    }
  }

  /** Weighs placements now, whatever the time. */
  async #replan(why: string): Promise<void> {
    const { topology, planner, publisher, rollouts, decision } = this.#options;
    const { kind, reason, kept, shares, explanation, plan } = await planner.replan(
      capacityInService(topology, publisher.state.operatorState),
    );
    decision.reason = `${why}: ${reason}`;
    decision.explanation = explanation;
    if (kept !== null) decision.kept(`${why}: ${kept}`, explanation);
    if (kind === "shares" && shares !== null) {
      await publisher.publishShares(decision.reason, plan);
      decision.shares(`${why}: ${shares.reason}`, shares.explanation);
    }
    if (kind !== "placement") return;
    rollouts.giveUp(why);
    const weighed = weighedChange(explanation);
    rollouts.start({ kind, reason: decision.reason, weighed, target: plan.placement });
  }

  /** To the placement of an earlier epoch, on those of its ranks that are in service; it stays until `resume`. */
  async #goBack(epoch: number): Promise<void> {
    const { store, model, topology, publisher, rollouts, decision, reading } = this.#options;
    const bytes = await store.at(epoch);
    const wanted = bytes === null ? null : reading.read("snapshot", () => decodeSnapshot(bytes));
    if (wanted === null || !fits(wanted, model, topology)) {
      decision.reason = `epoch ${epoch} cannot be gone back to: it is not kept`;
      return;
    }
    const { operatorState } = publisher.state;
    const target = usablePart(wanted.placement, capacityInService(topology, operatorState));
    const reason = `back to the placement of epoch ${epoch}`;
    await publisher.putOperatorState({ ...operatorState, paused: true });
    decision.reason = reason;
    rollouts.giveUp(reason);
    rollouts.start({ kind: "placement", reason, weighed: null, target });
  }
}
