import type { RoutingSnapshot } from "../model/snapshot.ts";
import type { ShardLoads } from "../routing/policy.ts";
import type { Engine } from "./engine.ts";

/** One pool as the fast path sees it: its engine, the current snapshot and what is in flight. */
export class ServingPool {
  readonly engine: Engine;
  /** The names clients may ask for. */
  readonly models: readonly string[];
  /** The cell where slow path and fast path meet: swapped whole, read once per request. Null without an expert plane. */
  snapshot: RoutingSnapshot | null = null;
  /** `[shards]`, in the order of `engine.shards`; live. */
  readonly loads: ShardLoads;
  readonly #requests: Int32Array;
  readonly #tokens: Float64Array;

  constructor(engine: Engine, models: readonly string[]) {
    this.engine = engine;
    this.models = models;
    this.#requests = new Int32Array(engine.shards.length);
    this.#tokens = new Float64Array(engine.shards.length);
    this.loads = { requests: this.#requests, tokens: this.#tokens };
  }

  begin(shard: number, tokens: number): void {
    this.#requests[shard]++;
    this.#tokens[shard] += tokens;
  }

  end(shard: number, tokens: number): void {
    this.#requests[shard]--;
    this.#tokens[shard] -= tokens;
  }
}
