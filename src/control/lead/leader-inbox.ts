import type { Clock } from "../../lib/clock.ts";
import type { ExpertPlane } from "../expert-plane.ts";
import type { ReportShape } from "../messages/report-shape.ts";
import { type OrderMessage, type PoolMessage, decodeMessage } from "../messages/pool-message.ts";
import type { PoolReading } from "../messages/pool-reading.ts";
import { isUncertain } from "../store.ts";
import type { EngineNews } from "./engine-news.ts";
import type { HistoryLog } from "./history-log.ts";
import type { DecisionLog } from "./decision-log.ts";
import type { Losses } from "./losses.ts";
import type { Orders } from "./orders.ts";
import type { PoolPublisher } from "./pool-publisher.ts";
import { RankStates } from "./rank-states.ts";
import type { RankWatch } from "./rank-watch.ts";
import type { Rollouts } from "./rollouts.ts";

/** An order that fails so often is given up. */
const ORDER_TRIES = 3;

export interface InboxOptions {
  readonly plane: ExpertPlane;
  readonly shape: ReportShape;
  readonly publisher: PoolPublisher;
  readonly rollouts: Rollouts;
  readonly losses: Losses;
  readonly orders: Orders;
  readonly watch: RankWatch;
  readonly engine: EngineNews;
  readonly decision: DecisionLog;
  readonly history: HistoryLog;
  readonly reading: PoolReading;
  readonly clock: Clock;
  /** Receives what went wrong with messages; those that are not done yet come again. */
  readonly onFailed: (error: unknown) => void;
}

/**
 * What is left for a pool's leader, strictly in its order. A message is done once what it says of ranks is stored, or the
 * order it brings is carried out; what is not done is delivered again. An order that keeps failing is given up, with its
 * reason said. A loss never is: it is stored before anything is tried that may fail for other reasons.
 */
export class LeaderInbox {
  readonly #options: InboxOptions;
  /** Of the order that comes first. */
  #failures = 0;

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  /** @returns how many are done, from the first on */
  async receive(deliveries: readonly Uint8Array[]): Promise<number> {
    const messages = deliveries.map((bytes) => this.#read(bytes));
    let done = 0;
    try {
      while (done < messages.length) {
        const order = messages.findIndex((message, i) => i >= done && message?.kind === "order");
        const end = order < 0 ? messages.length : order;
        await this.#note(messages.slice(done, end).filter((message) => message?.kind !== "order"));
        done = end;
        const next = messages[end];
        if (next?.kind !== "order") break;
        await this.#obey(next);
        done++;
      }
      await this.#settle();
    } catch (error) {
      this.#options.onFailed(error);
    }
    return done;
  }

  /** What fails of it is stored, and done by the next round. */
  async #settle(): Promise<void> {
    const { losses, onFailed } = this.#options;
    try {
      await losses.settle();
    } catch (error) {
      if (isUncertain(error)) throw error;
      onFailed(error);
    }
  }

  /** Takes down what messages say of ranks, and counts what they bring once that is stored. */
  async #note(messages: readonly (Exclude<PoolMessage, OrderMessage> | null)[]): Promise<void> {
    const { plane, publisher, rollouts, losses, watch, engine, history, clock } = this.#options;
    const { ranks } = publisher.state;
    const states = new RankStates(publisher.state.operatorState);
    const then: (() => void)[] = [];
    for (const message of messages) {
      if (message === null) continue;
      switch (message.kind) {
        case "load":
          then.push(() => plane.receive?.(message));
          for (const report of message.engines) then.push(() => engine.receive(report));
          for (const sign of message.reported)
            if (states.load(sign)) then.push(() => watch.reported(sign.rank, sign.windowMs, clock.now()));
          break;
        case "ack":
          if (states.acknowledgement(message))
            then.push(() => ranks.acknowledge(message.epoch, message.rank, message.phase));
          break;
        case "rank":
          states.report(message);
          break;
        case "traffic":
          then.push(() => history.traffic(message));
      }
    }
    await losses.store(states);
    for (const count of then) count();
    rollouts.acknowledged();
  }

  async #obey({ order }: OrderMessage): Promise<void> {
    const { orders, publisher, decision, onFailed } = this.#options;
    // It is planned on what is there.
    await this.#settle();
    try {
      await orders.obey(order);
      this.#failures = 0;
    } catch (cause) {
      // The term is over: the next leader has it delivered.
      if (isUncertain(cause)) throw cause;
      this.#failures++;
      if (this.#failures < ORDER_TRIES) throw cause;
      this.#failures = 0;
      const { message } = cause as Error;
      decision.reason = `order given up after ${ORDER_TRIES} tries: ${order.kind} (${message})`;
      onFailed(new Error(`pool ${publisher.state.snapshot.pool}: ${decision.reason}`, { cause }));
    }
  }

  #read(bytes: Uint8Array): PoolMessage | null {
    const { shape, reading } = this.#options;
    return reading.read("message", () => decodeMessage(bytes, shape));
  }
}
