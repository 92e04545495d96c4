import type { Plan } from "../../core/planning/plan.ts";
import type { Clock } from "../../lib/clock.ts";
import { type MoeModel, moeLayers } from "../../model/moe-model.ts";
import { type PoolCapacity, fullCapacity } from "../../model/pool-capacity.ts";
import type { RoutingSnapshot } from "../../model/snapshot.ts";
import { decodeSnapshot, encodeSnapshot } from "../../model/snapshot-bytes.ts";
import { type Topology, gpuCount, gpuOfSlot, slotCount } from "../../model/topology.ts";
import type { ExpertPlane } from "../expert-plane.ts";
import { encodeLeader } from "../messages/leader.ts";
import { decodeLearned, encodeLearned } from "../messages/learned-load.ts";
import type { Planner } from "../plan/planner.ts";
import { type Order, type PoolMessage, decodeMessage } from "../messages/pool-message.ts";
import { PoolPublisher } from "./pool-publisher.ts";
import { PoolRanks } from "./pool-ranks.ts";
import { poolReport } from "./pool-report.ts";
import type { PoolView } from "../follow/pool-view.ts";
import { RankWatch } from "./rank-watch.ts";
import { ranksText } from "./ranks-text.ts";
import type { PoolReading } from "../messages/pool-reading.ts";
import type { RolloutRecord } from "../messages/rollout-record.ts";
import { encodeReport } from "../messages/stored-report.ts";
import { Rollouts } from "./rollouts.ts";
import { SerialActions } from "./serial-actions.ts";
import { storedState } from "./stored-state.ts";
import type { LostRank, OperatorState } from "../messages/operator-state.ts";
import { LeaseLost, type PoolRecord, type PoolStore, StaleEpoch, StoreUnreachable } from "../store.ts";

/** What was learned is kept for the next leader this often. */
const LEARNED_EVERY_MS = 10_000;
/** Missing experts that could not be brought back are tried again after so long. */
const REPAIR_AGAIN_MS = 5000;

export interface TermOptions {
  /** The name of this gateway. */
  readonly gateway: string;
  readonly store: PoolStore;
  readonly plane: ExpertPlane;
  readonly planner: Planner;
  readonly model: MoeModel;
  readonly topology: Topology;
  readonly roundMs: number;
  /** How long ranks may take to prepare a group of layers, and to turn to it. */
  readonly prepareTimeoutMs: number;
  /** Bytes of weights that each GPU can hold beside what it uses. */
  readonly stagingBytes: number;
  /** As in RankWatch. */
  readonly rankSilenceMs: number;
  readonly clock: Clock;
  /** Milliseconds since 1970, for people. */
  readonly wallClock: () => number;
  /** Hears of what went wrong; the term goes on. */
  readonly onFault: (fault: Error) => void;
  readonly onRolloutOver: (done: boolean) => void;
  /** What the store has is not certain any more, or the lease is gone: the term must end. */
  readonly onBroken: () => void;
}

/** What was under way, and what was asked for, when a term begins. */
interface Left {
  readonly rollout: RolloutRecord;
  readonly operatorState: OperatorState;
}

/**
 * One gateway's time as the leader of a pool: observe, decide, roll out, publish, report; round by round. All it
 * writes is fenced by the lease's token, and all it goes by was read from the store when it began.
 */
export class Term {
  readonly #options: TermOptions;
  readonly #reading: PoolReading;
  readonly #watch: RankWatch;
  readonly #actions: SerialActions;
  readonly #publisher: PoolPublisher;
  readonly #rollouts: Rollouts;
  #timer: NodeJS.Timeout | null = null;
  #stopReceiving: (() => void) | null = null;
  #ticking = false;
  #decision: string;
  #explanation: unknown = null;
  #repairAtMs = 0;
  #learnedAtMs: number;

  /**
   * Takes over from who led before, or publishes the first epoch, which places for a uniform load.
   * @param view what this gateway has seen: a store that lost it gets it back
   */
  static async begin(options: TermOptions, token: number, view: PoolView): Promise<Term> {
    const { store, gateway, wallClock } = options;
    if (view.snapshot !== null) await store.restore(view.snapshot.epoch, encodeSnapshot(view.snapshot));
    const record = await store.read();
    const { snapshot: before, rollout, operatorState } = storedState(record, view);
    await store.put("leader", encodeLeader({ gateway, sinceMs: wallClock() }), token);
    const term =
      before !== null && fits(before, options)
        ? await Term.#takeOver(options, token, { snapshot: before, rollout, operatorState }, record, view)
        : await Term.#first(options, token, { rollout, operatorState }, record, view);
    term.#start(token);
    return term;
  }

  static async #takeOver(
    options: TermOptions,
    token: number,
    { snapshot, rollout, operatorState }: Left & { readonly snapshot: RoutingSnapshot },
    { values }: PoolRecord,
    view: PoolView,
  ): Promise<Term> {
    const { planner, store, wallClock } = options;
    const { placement, replicas, shares } = snapshot;
    const learned = values.get("learned");
    const load =
      learned === undefined
        ? null
        : view.reading.read("learned_load", () => decodeLearned(learned, placement.layers, placement.experts));
    if (load !== null) planner.learn(load);
    planner.accept({ placement, replicas, shares: shares as Plan["shares"] });
    const ranks = new PoolRanks(
      placement,
      operatorState.lost.map(({ rank }) => rank),
    );
    const { retire, issued, pending } = rollout;
    const state = { snapshot, ranks, operatorState, retire, issued };
    const publisher = new PoolPublisher(state, store, token, wallClock, (plan) => planner.accept(plan));
    await publisher.putOperatorState(operatorState);
    await publisher.putRollout(null);
    if (pending === null) return new Term(options, view.reading, publisher, "took over the lead");
    const where = `group ${pending.chunk} of ${pending.chunks}, when its leader went`;
    return new Term(options, view.reading, publisher, `given up: ${pending.reason} (${where})`);
  }

  /** The placement of the first epoch is what the pool's engines are started with. */
  static async #first(
    options: TermOptions,
    token: number,
    { rollout, operatorState }: Left,
    { epoch }: PoolRecord,
    view: PoolView,
  ): Promise<Term> {
    const { planner, store, wallClock, plane, model } = options;
    const plan = await planner.current();
    const change = { kind: "placement", reason: "", atMs: 0, movedSlots: 0, movedBytes: 0 } as const;
    const snapshot = { pool: plane.pool, model: model.name, epoch, change, ...plan, missing: [] };
    const ranks = new PoolRanks(plan.placement, []);
    const { lost, ...rest } = operatorState;
    const state = {
      snapshot,
      ranks,
      operatorState: { ...rest, lost: [] },
      retire: 0,
      issued: rollout.issued,
    };
    const publisher = new PoolPublisher(state, store, token, wallClock, (now) => planner.accept(now));
    const reason = "first placement, for a uniform load";
    await publisher.publish({ ...change, reason }, plan);
    state.retire = state.snapshot.epoch;
    await publisher.putRollout(null);
    const term = new Term(options, view.reading, publisher, "nothing decided yet");
    await term.#lose(lost);
    return term;
  }

  private constructor(options: TermOptions, reading: PoolReading, publisher: PoolPublisher, decision: string) {
    const { plane, planner, model, stagingBytes, prepareTimeoutMs } = options;
    this.#options = options;
    this.#reading = reading;
    this.#publisher = publisher;
    this.#decision = decision;
    this.#watch = new RankWatch(options.rankSilenceMs);
    this.#learnedAtMs = options.clock.now();
    this.#actions = new SerialActions((error) => this.#failed(error));
    this.#rollouts = new Rollouts({
      plane,
      planner,
      model,
      stagingBytes,
      prepareTimeoutMs,
      actions: this.#actions,
      publisher,
      onOver: (reason, why) => this.#rolloutOver(reason, why),
    });
  }

  /** After the action under way; what has not been published of a rollout is given up. */
  async end(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#stopReceiving?.();
    await this.#actions.close();
    await this.#rollouts.close();
  }

  #start(token: number): void {
    const { store, roundMs } = this.#options;
    this.#stopReceiving = store.receive(token, (messages) =>
      this.#actions.act(() => this.#receive(messages)),
    );
    this.#timer = setInterval(() => {
      // A round that takes long takes the place of those that would have begun meanwhile.
      if (this.#ticking) return;
      this.#ticking = true;
      void this.#actions
        .act(() => this.#tick())
        .finally(() => {
          this.#ticking = false;
        });
    }, roundMs);
  }

  #failed(error: unknown): void {
    const uncertain =
      error instanceof StoreUnreachable || error instanceof StaleEpoch || error instanceof LeaseLost;
    if (uncertain) this.#options.onBroken();
    else this.#options.onFault(error as Error);
  }

  async #tick(): Promise<void> {
    const { plane, planner, clock, wallClock } = this.#options;
    const { state } = this.#publisher;
    const nowMs = clock.now();
    const silent = this.#watch.silent(nowMs);
    if (silent.length > 0) await this.#lose(silent.map((rank) => ({ rank, how: "silent" })));
    if (state.snapshot.missing.length > 0 && !this.#rollouts.underWay && nowMs >= this.#repairAtMs)
      await this.#repair();
    const window = await plane.observe();
    if (window === null) return;
    // One change at a time: what is decided during a rollout would be decided on the placement it replaces.
    const decide = !this.#rollouts.underWay;
    const capacity = this.#capacity();
    const { decision, expertLoad } = await planner.plan({ nowMs, window, decide, capacity });
    if (decision !== null) {
      this.#decision = decision.reason;
      this.#explanation = decision.explanation;
      if (decision.kind === "shares") await this.#publisher.publishShares(decision.reason, decision.plan);
      else if (decision.kind === "placement" && state.operatorState.paused)
        this.#decision = `paused; it would be ${decision.reason}`;
      else if (decision.kind === "placement") this.#rollouts.start(decision.plan.placement, decision.reason);
    }
    const report = poolReport(state.snapshot, window, {
      atMs: wallClock(),
      expertLoad,
      movedSlots: this.#publisher.movedSlots,
      decision: this.#decision,
      explanation: this.#explanation,
    });
    await this.#publisher.put("report", encodeReport(report));
    if (nowMs - this.#learnedAtMs < LEARNED_EVERY_MS) return;
    this.#learnedAtMs = nowMs;
    await this.#publisher.put("learned", encodeLearned(await planner.learned()));
  }

  async #receive(messages: readonly Uint8Array[]): Promise<void> {
    const { plane, clock } = this.#options;
    const { ranks, operatorState } = this.#publisher.state;
    const lost: LostRank[] = [];
    const back = new Set<number>();
    for (const bytes of messages) {
      const message = this.#read(bytes);
      if (message === null) continue;
      switch (message.kind) {
        case "load":
          plane.receive?.(message);
          for (const { rank, windowMs } of message.reported) {
            this.#watch.reported(rank, windowMs, clock.now());
            if (operatorState.lost.some((one) => one.rank === rank && one.how === "silent")) back.add(rank);
          }
          break;
        case "ack":
          ranks.acknowledge(message.epoch, message.rank, message.phase);
          break;
        case "rank":
          if (message.state === "lost") lost.push({ rank: message.rank, how: "reported" });
          else back.add(message.rank);
          break;
        case "order":
          await this.#obey(message.order);
      }
    }
    if (lost.length > 0) await this.#lose(lost);
    if (back.size > 0) await this.#takeBack(back);
    this.#rollouts.acknowledged();
  }

  #read(bytes: Uint8Array): PoolMessage | null {
    const { model, topology } = this.#options;
    const shape = { layers: moeLayers(model), experts: model.experts, gpus: gpuCount(topology) };
    return this.#reading.read("message", () => decodeMessage(bytes, shape));
  }

  /** Ranks are gone, with what they held: nothing is sent to them any more, and what only they had is brought back. */
  async #lose(lost: readonly LostRank[]): Promise<void> {
    const { state } = this.#publisher;
    const fresh = lost.filter(({ rank }) => state.ranks.isLive(rank));
    if (fresh.length === 0) return;
    for (const { rank } of fresh) {
      state.ranks.lose(rank);
      this.#watch.forget(rank);
    }
    const reason = `${ranksText(fresh.map(({ rank }) => rank))} lost`;
    this.#decision = reason;
    this.#rollouts.giveUp(reason);
    const known = state.operatorState.lost.filter(({ rank }) => !fresh.some((one) => one.rank === rank));
    await this.#publisher.putOperatorState({ ...state.operatorState, lost: [...known, ...fresh] });
    const { plan, repair } = await this.#survive();
    await this.#publisher.publishShares(reason, plan);
    if (repair !== null) this.#rollouts.start(repair.placement, `${reason}: their experts are placed anew`);
  }

  /** Ranks are there again, and hold nothing. */
  async #takeBack(back: ReadonlySet<number>): Promise<void> {
    const { state } = this.#publisher;
    const ranks = [...back].filter((rank) => !state.ranks.isLive(rank));
    if (ranks.length === 0) return;
    for (const rank of ranks) state.ranks.restore(rank);
    const lost = state.operatorState.lost.filter(({ rank }) => !back.has(rank));
    await this.#publisher.putOperatorState({ ...state.operatorState, lost });
    this.#decision = `${ranksText(ranks)} back`;
    if (state.snapshot.missing.length > 0) await this.#repair();
  }

  async #repair(): Promise<void> {
    this.#repairAtMs = this.#options.clock.now() + REPAIR_AGAIN_MS;
    const { repair } = await this.#survive();
    if (repair !== null) this.#rollouts.start(repair.placement, "missing experts are placed anew");
  }

  #survive(): ReturnType<Planner["survive"]> {
    const lost = this.#publisher.state.operatorState.lost.map(({ rank }) => rank);
    return this.#options.planner.survive({ lost, capacity: this.#capacity() });
  }

  async #obey(order: Order): Promise<void> {
    const { operatorState } = this.#publisher.state;
    const others = (rank: number) => operatorState.drained.filter((one) => one !== rank);
    const stand = (change: Partial<OperatorState>) =>
      this.#publisher.putOperatorState({ ...operatorState, ...change });
    switch (order.kind) {
      case "drain":
        await stand({ drained: [...others(order.rank), order.rank] });
        return this.#replan(`rank ${order.rank} is to be drained`);
      case "undrain":
        await stand({ drained: others(order.rank) });
        return this.#replan(`rank ${order.rank} may be used again`);
      case "pause":
        this.#rollouts.giveUp("paused by an operator");
        return stand({ paused: true });
      case "resume":
        return stand({ paused: false });
      case "rebalance":
        return this.#replan("an operator asked");
      case "rollback":
        return this.#goBack(order.epoch);
    }
  }

  /** Weighs placements now, whatever the time. */
  async #replan(why: string): Promise<void> {
    const decision = await this.#options.planner.replan(this.#capacity());
    this.#decision = `${why}: ${decision.reason}`;
    this.#explanation = decision.explanation;
    if (decision.kind === "shares") await this.#publisher.publishShares(this.#decision, decision.plan);
    if (decision.kind !== "placement") return;
    this.#rollouts.giveUp(why);
    this.#rollouts.start(decision.plan.placement, this.#decision);
  }

  /** To the placement of an earlier epoch, on those of its ranks that are in service; it stays until `resume`. */
  async #goBack(epoch: number): Promise<void> {
    const { store } = this.#options;
    const bytes = await store.at(epoch);
    const wanted =
      bytes === null ? null : this.#reading.read("snapshot", () => decodeSnapshot(bytes));
    if (wanted === null || !fits(wanted, this.#options)) {
      this.#decision = `epoch ${epoch} cannot be gone back to: it is not kept`;
      return;
    }
    const { topology, physicalToLogical } = wanted.placement;
    const { slots } = this.#capacity();
    const width = slotCount(topology);
    const inService = (slot: number) => slots[gpuOfSlot(topology, slot % width)] > 0;
    const target = Int32Array.from({ length: physicalToLogical.length }, (_, slot) =>
      inService(slot) ? physicalToLogical[slot] : -1,
    );
    const reason = `back to the placement of epoch ${epoch}`;
    await this.#publisher.putOperatorState({ ...this.#publisher.state.operatorState, paused: true });
    this.#decision = reason;
    this.#rollouts.giveUp(reason);
    this.#rollouts.start({ ...wanted.placement, physicalToLogical: target }, reason);
  }

  #rolloutOver(reason: string, why: Error | null): void {
    this.#options.onRolloutOver(why === null);
    if (why === null) return;
    this.#decision = `given up: ${reason} (${why.message})`;
    const { pool } = this.#publisher.state.snapshot;
    this.#options.onFault(new Error(`pool ${pool}: ${this.#decision}`, { cause: why }));
  }

  /** What may be placed where: nothing on ranks that are lost or to be drained. */
  #capacity(): PoolCapacity {
    const capacity = fullCapacity(this.#options.topology);
    const { lost, drained } = this.#publisher.state.operatorState;
    for (const { rank } of lost) capacity.slots[rank] = 0;
    for (const rank of drained) capacity.slots[rank] = 0;
    return capacity;
  }
}

function fits({ placement }: RoutingSnapshot, { model, topology }: TermOptions): boolean {
  const { nodes, gpusPerNode, slotsPerGpu } = placement.topology;
  return (
    placement.layers === moeLayers(model) &&
    placement.experts === model.experts &&
    nodes === topology.nodes &&
    gpusPerNode === topology.gpusPerNode &&
    slotsPerGpu === topology.slotsPerGpu
  );
}
