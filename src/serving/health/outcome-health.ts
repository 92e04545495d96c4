import { EQUAL_PART } from "../../model/server-part.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Rng } from "../../lib/rng.ts";
import type { ShardStates } from "../../routing/shard-states.ts";
import type { Shard } from "../engine.ts";
import { Circuit, type CircuitState } from "./circuit.ts";
import { Ejections } from "./ejections.ts";
import type { HealthNotices } from "./health-notices.ts";
import { OutcomeWindow } from "./outcome-window.ts";
import type { FailureKind } from "./outcome.ts";
import { outliers } from "./outliers.ts";
import type { HealthSettings } from "./settings.ts";
import { slowStartWeight } from "./slow-start.ts";

/** What the outcomes of its requests have made of one shard, for people. */
export interface ShardTrust {
  readonly circuit: CircuitState;
  /** Until an open circuit lets a trial through, or an ejection ends; 0 where there is none. */
  readonly openForMs: number;
  readonly ejectedForMs: number;
  /** The part of its part that it gets, over 0 to 1: less than all where it has just come back. */
  readonly weight: number;
  /** How the last request failed that did; null when none. */
  readonly lastFailure: FailureKind | null;
}

export interface OutcomeHealthOptions {
  readonly shards: readonly Shard[];
  /** `weight` is written here; `ready` says which shards are compared. */
  readonly states: ShardStates;
  readonly settings: HealthSettings;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly notices: HealthNotices;
  /** The shard was away and is back: its caches are empty. */
  readonly onRestarted: (shard: number) => void;
}

/**
 * What is found by the outcomes of requests alone: which shards are kept from requests, by their circuits or as outliers,
 * and how many requests a shard gets that has just come back.
 */
export class OutcomeHealth {
  readonly #options: OutcomeHealthOptions;
  readonly #circuits: readonly Circuit[];
  readonly #ejections: Ejections;
  readonly #window: OutcomeWindow;
  /** `[shards]`: the part of an equal share that each is to get, once it has started. */
  readonly #weights: Float64Array;
  /** `[shards]`: when each came back last. */
  readonly #backMs: Float64Array;
  readonly #lastFailures: (FailureKind | null)[];

  constructor(options: OutcomeHealthOptions) {
    const { shards, states, settings, clock, rng } = options;
    this.#options = options;
    this.#circuits = shards.map(() => new Circuit(settings.circuit, rng));
    this.#ejections = new Ejections(states.count, settings.outlier);
    this.#window = new OutcomeWindow(states.count, settings.windowMs, clock.now());
    this.#weights = Float64Array.from(shards, ({ part = EQUAL_PART }) => part.weight);
    states.weight.set(this.#weights);
    this.#backMs = new Float64Array(states.count).fill(Number.NEGATIVE_INFINITY);
    this.#lastFailures = shards.map(() => null);
  }

  /** @param from the shard's place before */
  resume(shard: number, before: OutcomeHealth, from: number): void {
    this.#circuits[shard].resume(before.#circuits[from]);
    this.#ejections.resume(shard, before.#ejections, from);
    this.#window.resume(shard, before.#window, from);
    this.#backMs[shard] = before.#backMs[from];
    this.#lastFailures[shard] = before.#lastFailures[from];
  }

  /** Whether neither its circuit nor an ejection keeps requests from the shard. */
  admits(shard: number): boolean {
    return this.#circuits[shard].admits && !this.#ejections.has(shard);
  }

  /** A request is sent. @returns whether `admits` may have changed, as all that follow do */
  began(shard: number): boolean {
    const circuit = this.#circuits[shard];
    if (circuit.state === "closed") return false;
    circuit.began(this.#options.clock.now());
    return true;
  }

  succeeded(shard: number, firstByteMs: number): boolean {
    this.#window.answered(shard, firstByteMs);
    if (!this.#circuits[shard].succeeded()) return false;
    this.#options.notices.notify(`${this.#name(shard)} serves again`);
    if (this.#lastFailures[shard] === "connect") this.#options.onRestarted(shard);
    this.comeBack(shard);
    return true;
  }

  failed(shard: number, kind: FailureKind): boolean {
    const now = this.#options.clock.now();
    this.#window.failed(shard);
    this.#lastFailures[shard] = kind;
    const circuit = this.#circuits[shard];
    if (!circuit.failed(now, this.#window.requests(shard), this.#window.failures(shard))) return false;
    const seconds = (circuit.openForMs(now) / 1000).toFixed(1);
    this.#options.notices.notify(
      `${this.#name(shard)} gets no requests for ${seconds} s: they fail (${kind})`,
    );
    return true;
  }

  cancelled(shard: number): boolean {
    if (this.#circuits[shard].state === "closed") return false;
    this.#circuits[shard].cancelled();
    return true;
  }

  /** It starts again: what it did before no longer counts. */
  comeBack(shard: number): void {
    const { states, settings, clock } = this.#options;
    this.#window.forget(shard);
    this.#backMs[shard] = clock.now();
    states.weight[shard] = this.#weights[shard] * slowStartWeight(0, settings.slowStart);
  }

  /** Time has passed. */
  tick(nowMs: number): void {
    const { states, settings } = this.#options;
    if (this.#window.tick(nowMs)) this.#judge(nowMs);
    for (let shard = 0; shard < states.count; shard++) {
      this.#circuits[shard].tick(nowMs);
      if (this.#ejections.tick(shard, nowMs)) this.comeBack(shard);
      const started = slowStartWeight(nowMs - this.#backMs[shard], settings.slowStart);
      states.weight[shard] = this.#weights[shard] * started;
    }
  }

  view(shard: number): ShardTrust {
    const { states, clock } = this.#options;
    const now = clock.now();
    const circuit = this.#circuits[shard];
    return {
      circuit: circuit.state,
      openForMs: circuit.openForMs(now),
      ejectedForMs: this.#ejections.remainingMs(shard, now),
      weight: states.weight[shard] / this.#weights[shard],
      lastFailure: this.#lastFailures[shard],
    };
  }

  /** Ejects the outliers among the shards in use. */
  #judge(nowMs: number): void {
    const { states, settings } = this.#options;
    const inUse = [...this.#circuits.keys()].filter(
      (shard) =>
        states.ready[shard] === 1 && this.#circuits[shard].state === "closed" && !this.#ejections.has(shard),
    );
    const found = outliers(this.#window, inUse, settings.outlier);
    for (const { shard, reason } of found) {
      if (!this.#ejections.eject(shard, nowMs)) continue;
      const seconds = Math.round(this.#ejections.remainingMs(shard, nowMs) / 1000);
      this.#options.notices.notify(`${this.#name(shard)} gets no requests for ${seconds} s: ${reason}`);
    }
    for (const shard of inUse) if (!found.some((one) => one.shard === shard)) this.#ejections.passed(shard);
  }

  #name(shard: number): string {
    return this.#options.shards[shard].id;
  }
}
