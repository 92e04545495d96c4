import { setTimeout as sleep } from "node:timers/promises";
import type { Config, PoolConfig } from "../config/config.ts";
import type { ControlledPool } from "../control/controlled-pool.ts";
import type { SimulatedPoolParts } from "../engines/simulated/simulated-pool.ts";
import type { ServingPool } from "../serving/serving-pool.ts";
import { SketchSharer } from "../serving/sharing/sketch-sharer.ts";

const LOOK_MS = 50;

/** What a pool consists of. */
export interface PoolParts {
  /** The one that answers clients comes first; beside it the one that prefills for it. */
  readonly serving: readonly ServingPool[];
  /** Null where nothing reports the load of its experts. */
  readonly controlled: ControlledPool | null;
  /** Null for real servers. */
  readonly simulated: SimulatedPoolParts | null;
}

/** One pool, opened: made by `openPool`, then `start`, and once `idle`, `close`. */
export class OpenPool implements PoolParts {
  readonly serving: readonly ServingPool[];
  readonly controlled: ControlledPool | null;
  readonly simulated: SimulatedPoolParts | null;
  readonly #settings: string;
  readonly #sketches: SketchSharer | null;

  constructor(settings: string, { serving, controlled, simulated }: PoolParts) {
    this.#settings = settings;
    this.serving = serving;
    this.controlled = controlled;
    this.simulated = simulated;
    const { experts } = serving[0];
    this.#sketches =
      controlled === null || experts === null
        ? null
        : new SketchSharer(controlled.loop.store, experts, controlled.loop.view.reading);
  }

  /** The part of it that answers clients. */
  get front(): ServingPool {
    return this.serving[0];
  }

  /** Whether a configuration asks for just this pool. */
  like(pool: PoolConfig, config: Config): boolean {
    return settingsOf(pool, config) === this.#settings;
  }

  async start(): Promise<void> {
    await this.controlled?.loop.start();
    this.controlled?.inbox?.start();
    this.controlled?.routed?.start();
    this.controlled?.pull?.start();
    this.#sketches?.start();
    await Promise.all(this.serving.map(({ health }) => health.start()));
  }

  /** Resolves once every part of it has a server that is ready, or after that time. */
  async ready(withinMs: number): Promise<void> {
    const enough = AbortSignal.timeout(withinMs);
    const served = () => this.serving.every(({ states }) => states.ready.includes(1));
    while (!served() && !enough.aborted) await sleep(LOOK_MS);
  }

  /** Resolves once no request needs it. */
  async idle(): Promise<void> {
    while (this.front.flights > 0) await sleep(LOOK_MS);
  }

  async close(): Promise<void> {
    await Promise.all(this.serving.map(({ health }) => health.stop()));
    await this.#sketches?.stop();
    await this.controlled?.pull?.stop();
    await this.controlled?.inbox?.stop();
    await this.controlled?.routed?.stop();
    await this.controlled?.loop.stop();
    await Promise.all(this.serving.map(({ engine }) => engine.close()));
  }
}

/** Everything a pool is made from, as one text. */
export function settingsOf(pool: PoolConfig, { health, routing, upstream, control }: Config): string {
  return JSON.stringify({ pool, health, routing, upstream, control });
}
