import type { ReplicaMap } from "../src/model/replica-map.ts";
import { Rng } from "../src/lib/rng.ts";
import type { MoeModel } from "../src/model/moe-model.ts";
import type { RoutingPolicy } from "../src/model/routing-policy.ts";
import { type Topology, gpuCount } from "../src/model/topology.ts";
import { hashText } from "../src/routing/block-hashes.ts";
import { createPolicy } from "../src/routing/policies.ts";
import { Router } from "../src/routing/router.ts";
import { ShardStates } from "../src/routing/shard-states.ts";
import { ExpertAffinity } from "../src/serving/affinity/expert-affinity.ts";
import { type Arrival, type InFlightLoads, type RankAssigner, book } from "../src/twin/rank-assigner.ts";
import { type RoutingSource, spreadTokens } from "../src/twin/routing-source.ts";
import { HandClock } from "./hand-clock.ts";
import { shardIds } from "./routable-request.ts";

const NO_PREFIX = new Uint32Array(0);

export interface RoutedOptions {
  readonly model: MoeModel;
  readonly topology: Topology;
  readonly routing: RoutingSource;
  readonly policy: RoutingPolicy;
  /** Whose home shard a request has. */
  readonly home: "tenant" | "session" | null;
  readonly seed: number;
}

/** Gives requests to ranks as the gateway would: one by one, by a routing policy and what it learns as they end. */
export class RoutedAssigner implements RankAssigner {
  readonly experts: ExpertAffinity;
  /** Requests and tokens sent to each rank. */
  readonly requests: Int32Array;
  readonly tokens: Float64Array;
  readonly #options: RoutedOptions;
  readonly #states: ShardStates;
  readonly #router: Router;
  readonly #rankOf = new Map<number, number>();
  /** Sent and not yet answered: a step later all of them are. */
  #sent: { readonly rank: number; readonly inputTokens: number }[] = [];
  #turn: (() => void) | null = null;

  constructor(options: RoutedOptions) {
    const { model, topology, policy, seed } = options;
    const shards = gpuCount(topology);
    this.#options = options;
    this.requests = new Int32Array(shards);
    this.tokens = new Float64Array(shards);
    this.#states = new ShardStates(shards);
    const plugIns = createPolicy(policy, { shardIds: shardIds(shards), prefixIndexBytes: 1 << 16 });
    this.#router = new Router(plugIns, this.#states, new Rng(seed, 8));
    const later = (turn: () => void) => {
      this.#turn = turn;
    };
    this.experts = new ExpertAffinity({
      model,
      topology,
      shards,
      sketchBytes: 1 << 26,
      clock: new HandClock(),
      later,
    });
  }

  assign(waiting: readonly Arrival[], loads: InFlightLoads): Int32Array {
    this.#work();
    for (const { rank, inputTokens } of this.#sent) this.#states.answered(rank, inputTokens);
    this.#sent = [];
    return Int32Array.from(waiting, (arrival) => {
      const rank = this.#choose(arrival);
      book(loads, arrival, rank);
      return rank;
    });
  }

  finished({ id, inputTokens, outputTokens, routing }: Arrival): void {
    this.#states.end(this.#rankOf.get(id) ?? -1, inputTokens, outputTokens);
    this.#rankOf.delete(id);
    const { routing: source, model } = this.#options;
    const some = spreadTokens(source, routing, inputTokens + outputTokens - 1, model.moeLayers.length, 32);
    this.experts.observe(`${routing.tenant}`, NO_PREFIX, some);
  }

  adopt(map: ReplicaMap): void {
    this.experts.switchTo(map);
  }

  #choose({ id, inputTokens, outputTokens, routing }: Arrival): number {
    const { home } = this.#options;
    const rank = this.#router.choose({
      model: "m",
      inputTokens,
      outputTokens,
      prefix: NO_PREFIX,
      blockTokens: 64,
      affinityKey: home === null ? 0 : hashText(home === "tenant" ? `${routing.tenant}` : `${id}`),
      experts: this.experts.of(`${routing.tenant}`, NO_PREFIX),
      pinnedRank: -1,
      tried: [],
    });
    this.#states.begin(rank, inputTokens, outputTokens);
    this.#sent.push({ rank, inputTokens });
    this.#rankOf.set(id, rank);
    this.requests[rank]++;
    this.tokens[rank] += inputTokens + outputTokens;
    return rank;
  }

  #work(): void {
    for (let turn = this.#turn; turn !== null; turn = this.#turn) {
      this.#turn = null;
      turn();
    }
  }
}
