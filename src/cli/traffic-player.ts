import { setImmediate as rest } from "node:timers/promises";
import type { OwnTraffic, SteeredTraffic, TrafficChange } from "../model/simulation.ts";
import type { Load, Sender } from "../replay/load.ts";
import { TurnOrder } from "../replay/turn-order.ts";
import { PlayClock } from "./play-clock.ts";
import type { PlayedTraffic } from "./played-traffic.ts";

/** As in the replay's open loop: what is given is sent, whatever is changed afterwards. */
const AHEAD_MS = 100;
const MOST_AHEAD = 64;
const REST_EVERY_MS = 3;
/** Node's timers hold at most 2³¹ − 1 ms. */
const LONGEST_SLEEP_MS = 3_600_000;

/** What was played of a trace, or of what is made up, by the end. */
export interface PlayedSummary extends OwnTraffic {
  /** How long nothing was to arrive, in all. */
  readonly pausedMs: number;
}

/**
 * Sends what it plays at its times, and can be steered meanwhile: it plays, or it is paused, until the traffic ends, the time
 * is up or the replay stops. What is steered counts for what has not been given yet: a tenth of a second ahead at most.
 */
export class TrafficPlayer implements Load, SteeredTraffic {
  readonly #traffic: PlayedTraffic;
  readonly #most: number;
  readonly #durationMs: number;
  readonly #clock = new PlayClock();
  #factor = 1;
  #speed = 1;
  /** Of the replay; 0 before it has begun. */
  #now = () => 0;
  /** Something else is to come than what is waited for. */
  #wake = () => {};

  /**
   * @param most       parts of the traffic that can be made, ≥ 1
   * @param durationMs nothing starts at or after this; Infinity for no end
   */
  constructor(traffic: PlayedTraffic, most: number, durationMs: number) {
    this.#traffic = traffic;
    this.#most = most;
    this.#durationMs = durationMs;
  }

  get state(): OwnTraffic {
    const { name, lengthMs } = this.#traffic;
    const at = () => Math.round(Math.min(lengthMs ?? 0, Math.max(0, this.#clock.at(this.#now()))));
    return {
      name,
      factor: this.#factor,
      most: this.#most,
      paused: this.#clock.paused,
      trace: lengthMs === null ? null : { atMs: at(), lengthMs, speed: this.#speed },
    };
  }

  get summary(): PlayedSummary {
    const now = this.#now();
    return { ...this.state, pausedMs: Math.round(this.#clock.pausedMs(0, now)) };
  }

  get endsAtMs(): number | null {
    const { lengthMs } = this.#traffic;
    const end = this.#clock.when(lengthMs ?? Number.POSITIVE_INFINITY, this.#now());
    const first = Math.min(end, this.#durationMs);
    return Number.isFinite(first) ? first : null;
  }

  pausedMs(fromMs: number, toMs: number): number {
    return this.#clock.pausedMs(fromMs, toMs);
  }

  change(change: TrafficChange): boolean {
    const news = this.#carryOut(change, this.#now());
    if (news) this.#wake();
    return news;
  }

  async play(sender: Sender): Promise<void> {
    this.#now = () => sender.now();
    this.#clock.jump(0, sender.now());
    const wake = () => this.#wake();
    sender.signal.addEventListener("abort", wake);
    const turns = new TurnOrder(sender);
    const waiting: Promise<boolean>[] = [];
    let restedAt = sender.now();
    for (let index = 0; !sender.signal.aborted; ) {
      const request = this.#traffic.peek();
      if (request === null && !this.#clock.paused) break;
      const startMs = this.#clock.when(request?.arrivalMs ?? 0, sender.now());
      if (startMs - AHEAD_MS > sender.now()) {
        await this.#until(startMs - AHEAD_MS - sender.now());
        continue;
      }
      if (request === null || startMs >= this.#durationMs) break;
      if (sender.now() - restedAt > REST_EVERY_MS) {
        await rest();
        restedAt = sender.now();
        // What comes next may be another by now.
        continue;
      }
      const thinkMs = request.thinkMs === undefined ? {} : { thinkMs: request.thinkMs / this.#speed };
      const sending = turns.at({ index: index++, startMs: Math.max(0, startMs), request, ...thinkMs });
      this.#traffic.take();
      if (sending !== null) waiting.push(sending.sent);
      if (waiting.length >= MOST_AHEAD) await waiting.shift();
    }
    sender.signal.removeEventListener("abort", wake);
    await turns.allGiven();
  }

  #carryOut(change: TrafficChange, nowMs: number): boolean {
    switch (change.kind) {
      case "traffic":
        if (change.factor === this.#factor) return false;
        this.#factor = change.factor;
        this.#traffic.setTimes(change.factor);
        break;
      case "speed":
        if (this.#traffic.lengthMs === null || change.speed === this.#speed) return false;
        this.#speed = change.speed;
        break;
      case "pause":
      case "go-on":
        if (this.#clock.paused === (change.kind === "pause")) return false;
        if (change.kind === "pause") this.#clock.pause(nowMs);
        else this.#clock.goOn(nowMs);
        return true;
      case "jump": {
        const { lengthMs } = this.#traffic;
        if (lengthMs === null) return false;
        const atMs = Math.min(lengthMs, Math.max(0, change.atMs));
        this.#traffic.seek(atMs);
        this.#clock.jump(atMs, nowMs);
        return true;
      }
      case "again":
        this.#traffic.seek(0);
        this.#clock.jump(0, nowMs);
        this.#clock.goOn(nowMs);
        return true;
    }
    this.#clock.setRate(this.#traffic.rate(this.#speed, this.#factor), nowMs);
    return true;
  }

  /** Or until something is changed. */
  async #until(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.min(Math.ceil(ms), LONGEST_SLEEP_MS));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = () => {};
  }
}
