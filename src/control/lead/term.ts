import type { Clock } from "../../lib/clock.ts";
import type { PoolView } from "../follow/pool-view.ts";
import { gpuCount } from "../../model/topology.ts";
import { isUncertain } from "../store.ts";
import { Deciding } from "./deciding.ts";
import { DecisionLog } from "./decision-log.ts";
import { EngineNews } from "./engine-news.ts";
import { GpuLog } from "./gpu-log.ts";
import { GpuPast } from "./gpu-past.ts";
import { HistoryLog } from "./history-log.ts";
import { LeaderInbox } from "./leader-inbox.ts";
import { Losses } from "./losses.ts";
import { Orders } from "./orders.ts";
import type { PoolPublisher } from "./pool-publisher.ts";
import { RankWatch } from "./rank-watch.ts";
import { Reports } from "./reports.ts";
import { Rollouts } from "./rollouts.ts";
import { Rounds } from "./rounds.ts";
import { SerialActions } from "./serial-actions.ts";
import type { TermLimits } from "./term-limits.ts";
import { type Beginning, type TakeOverOptions, takeOver } from "./take-over.ts";

export interface TermOptions extends TakeOverOptions {
  readonly roundMs: number;
  /** As they are now. */
  readonly limits: () => TermLimits;
  /** Requests that the pool's servers are working on, of all gateways. */
  readonly requestsInFlight: () => number;
  readonly clock: Clock;
  /** Receives one line for a person when the engine's own load balancing goes wrong, or works again. */
  readonly onNotice: (line: string) => void;
  /** Receives what went wrong; the term goes on. */
  readonly onFault: (fault: Error) => void;
  readonly onRolloutOver: (done: boolean) => void;
  /** What the store has is not certain any more, or the lease is gone: the term must end. */
  readonly onBroken: () => void;
}

/**
 * One gateway's time as the leader of a pool. It is in one of four states:
 *
 * - *beginning* (`take-over.ts`): it reads what the store has, and goes by nothing else;
 * - *leading*: it takes rounds (`rounds.ts`), receives messages in their order (`leader-inbox.ts`), carries out orders
 *   (`orders.ts`) and decisions (`deciding.ts`) and rolls out placements (`rollouts.ts`), one action at a time; what is
 *   measured it publishes beside them (`reports.ts`);
 * - *broken*: the store did not say what became of a write, or refused it: it asks for its end, and the next term begins
 *   by reading what is so;
 * - *over*: it takes no action any more.
 *
 * In each of them it may end, at any step, or fail, and this stays true:
 *
 * 1. All it writes is fenced by its lease's token. No snapshot names a replica that is not ready on a live rank, as far
 *    as the store knows of ranks when it is published (`pool-ranks.ts`).
 * 2. A message is forgotten only when it is done: what it says of ranks is stored, its order carried out or given up with
 *    the reason said. A loss is never given up.
 * 3. Where what is stored of ranks and the snapshot in force do not agree, the next round publishes one that does, of
 *    this term or the next (`losses.ts`). That needs the store and a planner to answer, and nothing to be remembered.
 * 4. Epochs only ever go up, and no number is given twice.
 */
export class Term {
  readonly #options: TermOptions;
  readonly #publisher: PoolPublisher;
  readonly #decision: DecisionLog;
  readonly #actions = new SerialActions();
  readonly #rollouts: Rollouts;
  readonly #losses: Losses;
  readonly #reports: Reports;
  readonly #rounds: Rounds;
  readonly #deciding: Deciding;
  readonly #inbox: LeaderInbox;
  #timer: NodeJS.Timeout | null = null;
  #stopReceiving: (() => void) | null = null;
  #measuring: Promise<void> | null = null;
  #ticking = false;
  #over = false;

  /** Resolves with the term leading. Rejects as `takeOver` does. */
  static async begin(options: TermOptions, token: number, view: PoolView): Promise<Term> {
    const term = new Term(options, await takeOver(options, token, view), view);
    await term.#start(token);
    return term;
  }

  private constructor(
    options: TermOptions,
    { publisher, decision: reason, decisions, changes, history: left }: Beginning,
    view: PoolView,
  ) {
    const { plane, planner, model, topology, store, clock, wallClock } = options;
    const { limits } = options;
    this.#options = options;
    this.#publisher = publisher;
    const decision = new DecisionLog(decisions, model.moeLayers.length, reason, wallClock, changes);
    this.#decision = decision;
    const history = new HistoryLog(left, wallClock);
    const gpus = new GpuLog(wallClock);
    const gpuPast = new GpuPast(publisher, gpus, view.reading, wallClock);
    const rollouts = new Rollouts({
      plane,
      planner,
      model,
      limits,
      actions: this.#actions,
      publisher,
      log: decision,
      onOver: (what, why) => this.#rolloutOver(what, why),
    });
    this.#rollouts = rollouts;
    const watch = new RankWatch(() => limits().rankSilenceMs);
    // A rank may have gone with the last leader.
    const { operatorState, ranks } = publisher.state;
    for (const { rank, windowMs } of operatorState.incarnations)
      if (windowMs !== null && ranks.isLive(rank)) watch.reported(rank, windowMs, clock.now());
    const { requestsInFlight, onNotice } = options;
    const engine = new EngineNews({ publisher, view, requestsInFlight, clock, wallClock, onNotice });
    const led = { plane, planner, topology, publisher, rollouts, watch, engine, decision, history, clock };
    const { roundMs } = options;
    const onFailed = (error: unknown) => this.#failed(error);
    const losses = new Losses(led);
    this.#losses = losses;
    this.#reports = new Reports({ ...led, model, view, wallClock, gpus, gpuPast });
    this.#rounds = new Rounds({ ...led, losses, view, roundMs });
    this.#deciding = new Deciding({ ...led, actions: this.#actions, onFailed }, clock.now());
    const orders = new Orders({ ...led, store, model, reading: view.reading });
    this.#inbox = new LeaderInbox({
      ...led,
      shape: { layers: model.moeLayers.length, experts: model.experts, gpus: gpuCount(topology) },
      losses,
      orders,
      reading: view.reading,
      onFailed,
    });
  }

  /** After the action under way; what has not been published of a rollout is given up. */
  async end(): Promise<void> {
    this.#over = true;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#stopReceiving?.();
    await this.#actions.close();
    await this.#rollouts.close();
    await this.#measuring;
    // Where its lease is lost, so are these seconds.
    await this.#reports.keepHistory().catch(() => {});
  }

  async #start(token: number): Promise<void> {
    const { store, roundMs } = this.#options;
    // What the last leader had stored and not published is done before anything else.
    await this.#take(() => this.#losses.settle());
    this.#stopReceiving = store.receive(token, (messages) =>
      this.#actions.act(() => this.#inbox.receive(messages)),
    );
    this.#timer = setInterval(() => this.#round(), roundMs);
  }

  /** What takes longer than a round takes the place of those that would have begun meanwhile. */
  #round(): void {
    if (this.#measuring !== null) return this.#goOn();
    this.#measuring = this.#measure().finally(() => {
      this.#measuring = null;
      this.#goOn();
    });
  }

  /** Resolves when it is over, also when it failed. */
  async #measure(): Promise<void> {
    try {
      const window = await this.#reports.take();
      if (window !== null) this.#deciding.observe(window);
    } catch (error) {
      this.#failed(error);
    }
  }

  #goOn(): void {
    if (this.#ticking || this.#over) return;
    this.#ticking = true;
    void this.#take(() => this.#rounds.take()).finally(() => {
      this.#ticking = false;
      if (!this.#over) this.#deciding.ask(this.#options.clock.now());
    });
  }

  /** Resolves when the action is over, also when it failed. */
  async #take(action: () => Promise<void>): Promise<void> {
    try {
      await this.#actions.act(action);
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    if (this.#over) return;
    if (isUncertain(error)) this.#options.onBroken();
    else this.#options.onFault(error as Error);
  }

  #rolloutOver(reason: string, why: Error | null): void {
    this.#options.onRolloutOver(why === null);
    if (why === null || this.#over) return;
    if (isUncertain(why)) this.#failed(why);
    this.#decision.reason = `given up: ${reason} (${why.message})`;
    const { pool } = this.#publisher.state.snapshot;
    this.#options.onFault(new Error(`pool ${pool}: ${this.#decision.reason}`, { cause: why }));
  }
}
