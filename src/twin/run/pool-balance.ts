import type { Hardware } from "../../core/cost/hardware.ts";
import { type Moves, countMoves } from "../../core/migration/moves.ts";
import { TRANSFER_PART } from "../../core/migration/transfer-part.ts";
import { transferMs } from "../../core/migration/transfer-time.ts";
import type { BalancePolicy } from "../../core/planning/balance-policy.ts";
import { Balancer } from "../../core/planning/balancer.ts";
import type { Plan } from "../../core/planning/plan.ts";
import { policyTopology } from "../../core/planning/policy-topology.ts";
import type { Cadence } from "../../model/cadence.ts";
import { partOfModel } from "../../model/engine-shape.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import { fullCapacity, outOfService } from "../../model/pool-capacity.ts";
import type { PoolWindow } from "../../model/pool-window.ts";
import type { Topology } from "../../model/topology.ts";
import { type EngineSettings, WIDE_EP_ENGINE } from "../engine-settings.ts";

import type { RunObserver } from "./run-log.ts";
import type { Timeline } from "./timeline.ts";

export interface PoolBalanceOptions {
  readonly name: string;
  readonly model: MoeModel;
  readonly topology: Topology;
  readonly hardware: Hardware;
  readonly engine?: EngineSettings;
  readonly policy: BalancePolicy;
  readonly cadence: Cadence;
  /** The plan in force at first; one that knows nothing of the load unless given. */
  readonly begins?: Plan | undefined;
  readonly timeline: Timeline;
  readonly listener: Pick<RunObserver, "event">;
  /** The ranks dispatch by it from now on. */
  readonly adopt: (plan: Plan) => void;
  /** Weights begin to travel, or have arrived. */
  readonly transferring: (on: boolean) => void;
  /** Ends the window. */
  readonly window: (spanMs: number) => PoolWindow;
  readonly observed: (window: PoolWindow, fromMs: number) => void;
}

/** What the control loop does for a pool, in virtual time: observe, decide, roll out, do without lost ranks. */
export class PoolBalance {
  readonly topology: Topology;
  readonly #options: PoolBalanceOptions;
  readonly #balancer: Balancer;
  /** Of every lost rank its expert units. */
  readonly #lost = new Map<number, readonly number[]>();
  /** Calls off the rollout that is under way. */
  #giveUp: (() => void) | null = null;
  #windowFrom = 0;
  epochs = 1;
  movedSlots = 0;

  constructor(options: PoolBalanceOptions) {
    const { model, policy, cadence, hardware, engine = WIDE_EP_ENGINE } = options;
    this.#options = options;
    this.topology = policyTopology(model, options.topology, policy);
    this.#balancer = new Balancer(model, this.topology, policy, cadence, 0, {
      hardware,
      shape: engine.shape,
    });
    if (options.begins !== undefined) this.#balancer.accept(options.begins);
  }

  get current(): Plan {
    return this.#balancer.current;
  }

  get lostRanks(): number {
    return this.#lost.size;
  }

  /** Experts that are on no rank, summed over layers: tokens go on without them. */
  get missingExperts(): number {
    return missingIn(this.current);
  }

  /** The interval of shares has passed. */
  tick(): void {
    const window = this.closeWindow();
    if (window.tokens > 0) this.#balancer.observe(window.load, window.spanMs, window.routing, window);
    if (this.#giveUp === null) this.#decide();
  }

  closeWindow(): PoolWindow {
    const { timeline, window: end, observed } = this.#options;
    const fromMs = this.#windowFrom;
    this.#windowFrom = timeline.now();
    const window = end(this.#windowFrom - fromMs);
    observed(window, fromMs);
    return window;
  }

  /**
   * A lost rank is noticed: nothing is sent there any more, and experts that were nowhere else are brought back.
   * @param units that hold its experts
   */
  lose(rank: number, units: readonly number[]): void {
    this.#lost.set(rank, units);
    this.#giveUp?.();
    const { plan, repair } = this.#balancer.survive(this.#lostUnits, this.#capacity);
    const missing = missingIn(plan);
    const without = missing === 0 ? "" : `; ${missing} experts of all layers are missing`;
    this.#adopt(plan, 0, "shares", `published without rank ${rank}${without}`);
    if (repair !== null) this.#repair(repair);
  }

  /** A rank is there again. */
  restore(rank: number): void {
    this.#lost.delete(rank);
    this.#giveUp?.();
    if (this.#decide()) return;
    const { repair } = this.#balancer.survive(this.#lostUnits, this.#capacity);
    if (repair !== null) this.#repair(repair);
  }

  get #capacity() {
    return outOfService(fullCapacity(this.topology), this.#lostUnits);
  }

  get #lostUnits(): readonly number[] {
    return [...this.#lost.values()].flat();
  }

  /** @returns whether something is done about it */
  #decide(): boolean {
    const decision = this.#balancer.decide(this.#options.timeline.now(), this.#capacity);
    if (decision === null || decision.kind === "keep") return false;
    const { plan, moves, reason } = decision;
    if (decision.kind === "shares") this.#adopt(plan, 0, "shares", reason);
    else this.#rollOut(plan, moves, reason);
    return true;
  }

  #repair(repair: Plan): void {
    const { model } = this.#options;
    const moves = countMoves(model, this.current.placement, repair.placement);
    this.#rollOut(repair, moves, "missing experts are placed anew");
  }

  /** Weights travel in what serving leaves them of the network, and all layers switch at once when they are there. */
  #rollOut(plan: Plan, moves: Moves, reason: string): void {
    const { model, hardware, timeline, transferring, engine = WIDE_EP_ENGINE } = this.#options;
    // Every GPU of a unit receives its part of an expert.
    const ms = transferMs(partOfModel(model, engine.shape), moves, hardware) / TRANSFER_PART;
    if (moves.slots > 0) transferring(true);
    this.#tell("placement-begun", `${reason}: ${moves.slots} slots travel`);
    const over = () => {
      this.#giveUp = null;
      if (moves.slots > 0) transferring(false);
    };
    const callOff = timeline.at(timeline.now() + ms, () => {
      over();
      this.#adopt(plan, moves.slots, "placement", reason);
    });
    this.#giveUp = () => {
      callOff();
      over();
    };
  }

  #adopt(plan: Plan, moved: number, kind: "placement" | "shares", reason: string): void {
    this.#balancer.accept(plan);
    this.#options.adopt(plan);
    this.movedSlots += moved;
    this.epochs++;
    this.#tell(kind, reason);
  }

  #tell(kind: "placement-begun" | "placement" | "shares", text: string): void {
    const { name, timeline, listener } = this.#options;
    listener.event({ pool: name, atMs: timeline.now(), kind, text });
  }
}

function missingIn({ replicas: { offsets } }: Plan): number {
  let missing = 0;
  for (let i = 1; i < offsets.length; i++) if (offsets[i] === offsets[i - 1]) missing++;
  return missing;
}
