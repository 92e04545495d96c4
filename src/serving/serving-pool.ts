import type { Deployment } from "../model/deployment.ts";
import type { MoeModel } from "../model/moe-model.ts";
import type { RoutingSnapshot } from "../model/snapshot.ts";
import type { Unavailable } from "../routing/plug-in.ts";
import type { PoolCandidate } from "../routing/pools/pool-states.ts";
import type { RoutableRequest } from "../routing/routable-request.ts";
import type { Router } from "../routing/router.ts";
import type { ShardStates } from "../routing/shard-states.ts";
import { type Engine, instanceOf } from "./engine.ts";
import { ResponseHomes } from "./affinity/response-homes.ts";
import type { ExpertAffinity } from "./affinity/expert-affinity.ts";
import type { PoolHealth } from "./health/pool-health.ts";
import type { RoutedLoad } from "./affinity/routed-load.ts";

/** What one of a pool's answers counts in the mean of their lengths. */
const LENGTH_WEIGHT = 1 / 64;
/** Until answers were seen. */
const FIRST_OUTPUT_TOKENS = 256;

/** What a pool's requests are served with. */
export interface ServingParts {
  /** The pool's in the configuration; without it that of the engine's pool. */
  readonly name?: string;
  readonly engine: Engine;
  /** The names clients may ask for. */
  readonly models: readonly string[];
  readonly states: ShardStates;
  readonly router: Router;
  readonly health: PoolHealth;
  /** What the configuration says of it; absent where there is none. */
  readonly deployment?: Deployment;
  /** Whose experts its answers name; absent where the configuration does not say. */
  readonly moe?: MoeModel | null;
  /** Where prompts are prefilled before they are decoded here; absent where each shard prefills its own. */
  readonly prefill?: ServingPool | null;
  /** Which shards suit the experts that a request will use; absent where that is not asked. */
  readonly experts?: ExpertAffinity | null;
  /** Tokens by expert, where engines report them with their answers and nothing else counts them. */
  readonly routedLoad?: RoutedLoad | null;
}

/** Pools that took each other's place, in reloads. */
interface PoolLine {
  /** The one that takes requests now. */
  current: ServingPool;
  /** Requests that are not over and are sent to one of them, wait for admission, or might still come. */
  flights: number;
}

/**
 * Servers that do the same part of the work, as the fast path sees them. A pool never changes its shards: another takes
 * its place (`line`), and goes on with what was learned of those that stay.
 */
export class ServingPool implements PoolCandidate {
  readonly name: string;
  readonly engine: Engine;
  readonly models: readonly string[];
  readonly states: ShardStates;
  readonly router: Router;
  readonly health: PoolHealth;
  readonly deployment: Deployment | null;
  readonly moe: MoeModel | null;
  readonly prefill: ServingPool | null;
  readonly experts: ExpertAffinity | null;
  readonly routedLoad: RoutedLoad | null;
  readonly responses = new ResponseHomes();
  /** The cell where slow path and fast path meet: swapped whole, read once per request. Null without an expert plane. */
  snapshot: RoutingSnapshot | null = null;
  /** Attempts on its shards that are not over; those of requests that have moved on, too. */
  legs = 0;
  /** Shared with those before and after it. */
  line: PoolLine = { current: this, flights: 0 };
  #outputTokens = FIRST_OUTPUT_TOKENS;
  readonly #places: ReadonlyMap<string, number>;

  constructor(parts: ServingParts) {
    this.name = parts.name ?? parts.engine.pool;
    this.engine = parts.engine;
    this.models = parts.models;
    this.states = parts.states;
    this.router = parts.router;
    this.health = parts.health;
    this.deployment = parts.deployment ?? null;
    this.moe = parts.moe ?? null;
    this.prefill = parts.prefill ?? null;
    this.experts = parts.experts ?? null;
    this.routedLoad = parts.routedLoad ?? null;
    this.#places = new Map(this.engine.shards.map((shard, place) => [instanceOf(shard), place]));
  }

  /** The pool that has its place now; itself where none has taken that. */
  get current(): ServingPool {
    return this.line.current;
  }

  /** Whether a request needs it. What is not sent yet goes to the last of its line. */
  get isNeeded(): boolean {
    return this.legs > 0 || (this.current === this && this.line.flights > 0);
  }

  /** Where the shard is in `engine.shards`; −1 where it is not. @param instance as instanceOf has it */
  placeOf(instance: string): number {
    return this.#places.get(instance) ?? -1;
  }

  /**
   * Goes on where another pool of the same name was, which takes no new requests: with what was learned of the shards
   * that are in both.
   */
  resume(before: ServingPool): void {
    const previous = Int32Array.from(this.engine.shards, (shard) => before.placeOf(instanceOf(shard)));
    this.states.resume(before.states, previous);
    this.router.resume(before.router, previous);
    this.health.resume(before.health, previous);
    this.responses.resume(before.responses, previous);
    if (before.snapshot !== null) this.switchTo(before.snapshot);
    if (before.experts !== null) this.experts?.resume(before.experts);
    this.#outputTokens = before.#outputTokens;
    this.line = before.line;
    this.line.current = this;
  }

  /** The next request is routed by it, whole. */
  switchTo(snapshot: RoutingSnapshot): void {
    this.snapshot = snapshot;
    this.experts?.switchTo(snapshot);
  }

  get degraded(): boolean {
    return this.snapshot !== null && this.snapshot.missing.length > 0;
  }

  /**
   * @param generates whether servers that prefill for this pool have a part in it
   * @param triedPrefill those of them that failed it
   */
  unavailable(
    request: RoutableRequest,
    generates: boolean,
    triedPrefill: readonly number[] = NONE,
  ): Unavailable | null {
    const own = this.router.unavailable(request);
    if (own !== null || this.prefill === null || !generates) return own;
    return this.prefill.router.unavailable(prefillable(request, triedPrefill));
  }

  /** Tokens that a request may be expected to generate: what answers have had on average, or what it allows. */
  expectedOutput(maxTokens: number | null): number {
    return maxTokens === null ? this.#outputTokens : Math.min(maxTokens, this.#outputTokens);
  }

  /** An answer was streamed in so many frames with content: about as many tokens. */
  sawOutput(frames: number): void {
    this.#outputTokens += LENGTH_WEIGHT * (frames - this.#outputTokens);
  }
}

/** The same request for those that prefill only. @param tried those that failed it */
export function prefillable(request: RoutableRequest, tried: readonly number[]): RoutableRequest {
  return { ...request, outputTokens: 0, pinnedRank: -1, tried };
}

const NONE: readonly number[] = [];
