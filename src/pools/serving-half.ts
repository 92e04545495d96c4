import { setTimeout as sleep } from "node:timers/promises";
import type { Config, PoolConfig } from "../config/config.ts";
import type { SimulatedPoolParts } from "../engines/simulated/simulated-pool.ts";
import type { ServingPool } from "../serving/serving-pool.ts";

const LOOK_MS = 50;

/** What serves a pool's requests. */
export interface ServingParts {
  /** The one that answers clients comes first; beside it the one that prefills for it. */
  readonly serving: readonly ServingPool[];
  /** Null for real servers. */
  readonly simulated: SimulatedPoolParts | null;
}

/** The half of a pool that serves: engines, with what is known of their shards. */
export class ServingHalf implements ServingParts {
  /** What it was made from, as one text. */
  readonly settings: string;
  readonly serving: readonly ServingPool[];
  readonly simulated: SimulatedPoolParts | null;

  constructor(settings: string, { serving, simulated }: ServingParts) {
    this.settings = settings;
    this.serving = serving;
    this.simulated = simulated;
  }

  /** The part of it that answers clients. */
  get front(): ServingPool {
    return this.serving[0];
  }

  /** @param before the half whose place it is to take; null where it takes none's */
  async start(before: ServingHalf | null = null): Promise<void> {
    await Promise.all(this.serving.map((part) => part.health.start(before?.partLike(part)?.health ?? null)));
  }

  /** Resolves once every part of it that has servers has one that is ready, or `enough` is aborted. */
  async ready(enough: AbortSignal): Promise<void> {
    const served = () => this.serving.every(({ states }) => states.count === 0 || states.ready.includes(1));
    while (!served() && !enough.aborted) await sleep(LOOK_MS);
  }

  /** Takes the place of another half, from this moment on. */
  resume(before: ServingHalf): void {
    for (const part of this.serving) {
      const old = before.partLike(part);
      if (old !== null) part.resume(old);
    }
  }

  /** Its part of the same name. */
  partLike(other: ServingPool): ServingPool | null {
    return this.serving.find(({ engine }) => engine.pool === other.engine.pool) ?? null;
  }

  /** Whether another has taken its place. */
  get replaced(): boolean {
    return this.front.current !== this.front;
  }

  /** Asks the servers no more. */
  async watchNoMore(): Promise<void> {
    await Promise.all(this.serving.map(({ health }) => health.stop()));
  }

  /** Resolves once no request needs it. */
  async idle(): Promise<void> {
    while (this.serving.some(({ isNeeded }) => isNeeded)) await sleep(LOOK_MS);
  }

  async close(): Promise<void> {
    await Promise.all(this.serving.map(({ health }) => health.stop()));
    await Promise.all(this.serving.map(({ engine }) => engine.close()));
  }
}

/** What concerns a pool's requests. Addresses are looked up before, and the TLS of `upstream` is in the pool's own. */
export function servingSettings(pool: PoolConfig, { health, routing, upstream }: Config): string {
  const { policy: _policy, ...memory } = routing;
  if (pool.kind === "simulated") return JSON.stringify({ pool, health, memory });
  const { resolveMs: _resolveMs, tls: _tls, ...timeouts } = upstream;
  const own = "recorder" in pool ? { ...pool, recorder: null } : pool;
  return JSON.stringify({ pool: own, health, memory, timeouts });
}
