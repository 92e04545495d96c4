import type { Rng } from "../lib/rng.ts";
import { leastInFlight } from "../routing/least-in-flight.ts";
import { chooseShard } from "../routing/policy.ts";
import type { Admission } from "./admission.ts";
import {
  type EngineRequest,
  type EngineResponse,
  EngineUnreachable,
  type ModelCard,
  type Shard,
} from "./engine.ts";
import { NoShardReachable, UnknownModel } from "./refusals.ts";
import type { RequestFacts } from "./request-facts.ts";
import type { ServingPool } from "./serving-pool.ts";
import type { RequestTiming, TrafficMeter } from "./traffic-meter.ts";

/** A response on its way: where it comes from, and by which epoch it was routed. */
export interface Served {
  readonly shard: Shard;
  /** 0 where the pool has no expert plane. */
  readonly epoch: number;
  readonly response: EngineResponse;
  readonly timing: RequestTiming;
}

/** Admits a request, routes it to a shard of the pool that serves its model, and forwards it. */
export class Gateway {
  readonly pools: readonly ServingPool[];
  readonly admission: Admission;
  readonly meter: TrafficMeter;
  readonly #rng: Rng;
  readonly #poolOf = new Map<string, ServingPool>();

  constructor(pools: readonly ServingPool[], admission: Admission, meter: TrafficMeter, rng: Rng) {
    this.pools = pools;
    this.admission = admission;
    this.meter = meter;
    this.#rng = rng;
    for (const pool of pools) for (const model of pool.models) this.#poolOf.set(model, pool);
  }

  /**
   * Resolves with the head of the response. The request counts as in flight until the body closes, so the caller
   * must read it to its end or destroy it.
   * @param signal aborts the work upstream
   * @throws UnknownModel, Overloaded, NoShardReachable, EngineUnreachable
   */
  async forward(facts: RequestFacts, request: EngineRequest, signal: AbortSignal): Promise<Served> {
    const pool = this.#poolOf.get(facts.model);
    if (pool === undefined) throw new UnknownModel(`No pool serves the model \`${facts.model}\`.`);
    const timing = this.meter.begin(pool.engine.pool);
    try {
      this.admission.enter();
      try {
        return await this.#forwardTo(pool, facts.tokens, request, signal, timing);
      } catch (error) {
        this.admission.leave();
        throw error;
      }
    } catch (error) {
      timing.end(!signal.aborted);
      throw error;
    }
  }

  /** Tries shards until one answers. One that may have begun the work is the last: the work is never done twice. */
  async #forwardTo(
    pool: ServingPool,
    tokens: number,
    request: EngineRequest,
    signal: AbortSignal,
    timing: RequestTiming,
  ): Promise<Served> {
    const epoch = pool.snapshot?.epoch ?? 0;
    const { engine, loads } = pool;
    const tried: number[] = [];
    let lastFault = "";
    for (;;) {
      const index = chooseShard(leastInFlight, { shards: engine.shards.length, loads, tried }, this.#rng);
      if (index < 0) throw this.#unreachable(pool, lastFault);
      const shard = engine.shards[index];
      pool.begin(index, tokens);
      try {
        const response = await engine.forward(shard, request, signal);
        response.body.once("close", () => {
          pool.end(index, tokens);
          this.admission.leave();
          const broken = response.body.errored !== null && !signal.aborted;
          timing.end(broken || response.status >= 500);
        });
        return { shard, epoch, response, timing };
      } catch (error) {
        pool.end(index, tokens);
        if (!(error instanceof EngineUnreachable) || error.mayHaveBegun || signal.aborted) throw error;
        tried.push(index);
        lastFault = error.message;
      }
    }
  }

  #unreachable(pool: ServingPool, lastFault: string): NoShardReachable {
    const shards = pool.engine.shards.length;
    const message = `None of the ${shards} shards of pool \`${pool.engine.pool}\` could be reached: ${lastFault}`;
    return new NoShardReachable(message, this.admission.retryAfterSeconds);
  }

  /** What the pools serve, merged; a pool that cannot be asked is left out. @throws EngineUnreachable when none can */
  async models(): Promise<readonly ModelCard[]> {
    const answers = await Promise.allSettled(
      this.pools.map(async (pool) =>
        (await pool.engine.models()).filter((card) => pool.models.includes(card.id)),
      ),
    );
    const cards = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
    if (cards.length === 0) throw (answers[0] as PromiseRejectedResult).reason;
    return cards.flat();
  }
}
