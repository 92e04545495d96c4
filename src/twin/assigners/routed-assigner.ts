import type { Clock } from "../../lib/clock.ts";
import { Rng } from "../../lib/rng.ts";
import type { MoeModel } from "../../model/moe-model.ts";
import type { RankState } from "../../model/pool-window.ts";
import type { ReplicaMap } from "../../model/replica-map.ts";
import type { RoutingPolicy } from "../../model/routing-policy.ts";
import { type Topology, gpuCount } from "../../model/topology.ts";
import { PREFIX_BLOCK_TOKENS } from "../../model/traffic.ts";
import { hashText } from "../../routing/block-hashes.ts";
import { mix } from "../../routing/mix.ts";
import { createPolicy } from "../../routing/policies.ts";
import { Router } from "../../routing/router.ts";
import { ShardStates } from "../../routing/shard-states.ts";
import { ExpertAffinity } from "../../serving/affinity/expert-affinity.ts";
import { type RoutingSource, spreadTokens } from "../routing-source.ts";
import { type Arrival, type InFlightLoads, type RankAssigner, book } from "./rank-assigner.ts";

const NO_PREFIX = new Uint32Array(0);
/** As config/default.yaml has them. */
const PREFIX_INDEX_BYTES = 1 << 24;
const EXPERT_SKETCH_BYTES = 1 << 26;
/** Tokens of a request whose experts its engine reports, as simulated engines do. */
const REPORTED_TOKENS = 32;

export interface RoutedOptions {
  readonly model: MoeModel;
  readonly topology: Topology;
  /** Where a rank is no GPU of the topology's, or all are on one node, nothing is made of experts. */
  readonly ranks: number;
  readonly routing: RoutingSource;
  readonly policy: RoutingPolicy;
  /** Whose home shard a request has. */
  readonly home: "tenant" | "session" | null;
  readonly seed: number;
  readonly clock: Clock;
}

/** A request in flight. */
interface Sent {
  readonly rank: number;
  /** Tokens of its prompt that the rank has to compute; with those before it. */
  readonly uncached: number;
  readonly ahead: number;
  readonly atMs: number;
  answered: boolean;
}

/**
 * The gateway's own routing (`routing/`): one request after the other, by a policy and what is learned as requests end.
 * Requests are known by their tenant; of prompts, the blocks that the trace names.
 */
export class RoutedAssigner implements RankAssigner {
  readonly #options: RoutedOptions;
  /** Null where the policy makes nothing of experts. */
  readonly #experts: ExpertAffinity | null;
  readonly #states: ShardStates;
  readonly #router: Router;
  /** By the ids of requests. */
  readonly #sent = new Map<number, Sent>();
  #turn: (() => void) | null = null;

  constructor(options: RoutedOptions) {
    const { model, topology, policy, seed, clock, ranks: shards } = options;
    this.#options = options;
    this.#states = new ShardStates(shards, clock);
    const shardIds = Array.from({ length: shards }, (_, rank) => `rank ${rank}`);
    const plugIns = createPolicy(policy, { shardIds, prefixIndexBytes: PREFIX_INDEX_BYTES });
    this.#router = new Router(plugIns, this.#states, new Rng(seed, 8));
    const later = (turn: () => void) => {
      this.#turn = turn;
    };
    // Where all ranks are on one node, a request's experts are as far, and cost as much, from each.
    const learns =
      (policy === "expert-aware" || policy === "decode") &&
      shards === gpuCount(topology) &&
      topology.nodes > 1;
    this.#experts = learns
      ? new ExpertAffinity({ model, topology, shards, sketchBytes: EXPERT_SKETCH_BYTES, clock, later })
      : null;
  }

  assign(waiting: readonly Arrival[], loads: InFlightLoads): Int32Array {
    this.#learn();
    this.#states.ready.set(loads.serves);
    return Int32Array.from(waiting, (arrival) => {
      const rank = this.#choose(arrival);
      if (rank < 0) return -1;
      book(loads, arrival, rank);
      const { uncached } = this.#router;
      this.#states.begin(rank, arrival.inputTokens, arrival.outputTokens, uncached);
      const ahead = this.#states.prefillTokens[rank];
      this.#sent.set(arrival.id, { rank, uncached, ahead, atMs: this.#options.clock.now(), answered: false });
      return rank;
    });
  }

  answered({ id }: Arrival): void {
    const sent = this.#sent.get(id);
    if (sent === undefined || sent.answered) return;
    this.#states.speeds.observe(sent.rank, sent.ahead, this.#options.clock.now() - sent.atMs);
    this.#prefilled(sent);
  }

  finished(arrival: Arrival): void {
    this.#end(arrival);
    if (this.#experts === null) return;
    const { inputTokens, outputTokens, routing } = arrival;
    const { routing: source, model } = this.#options;
    // The last token is made, not forwarded.
    const forwarded = inputTokens + outputTokens - 1;
    const some = spreadTokens(source, routing, forwarded, model.moeLayers.length, REPORTED_TOKENS);
    this.#experts.observe(`${routing.tenant}`, NO_PREFIX, some);
  }

  failed(arrival: Arrival): void {
    this.#end(arrival);
  }

  reported(ranks: readonly RankState[]): void {
    for (const [rank, state] of ranks.entries()) {
      const { kvTokens, kvCapacityTokens } = state;
      this.#states.report(rank, state, kvTokens / kvCapacityTokens, kvCapacityTokens);
    }
  }

  returned(rank: number): void {
    this.#router.forget(rank);
  }

  adopt(map: ReplicaMap): void {
    this.#experts?.switchTo(map);
  }

  #choose({ id, inputTokens, outputTokens, routing, prefixBlocks, tried = [] }: Arrival): number {
    const { home } = this.#options;
    return this.#router.choose({
      model: "",
      inputTokens,
      outputTokens,
      prefix: prefixBlocks === undefined ? NO_PREFIX : hashesOf(prefixBlocks),
      blockTokens: PREFIX_BLOCK_TOKENS,
      affinityKey: home === null ? 0 : hashText(home === "tenant" ? `${routing.tenant}` : `${id}`),
      experts: this.#experts?.of(`${routing.tenant}`, NO_PREFIX) ?? null,
      pinnedRank: -1,
      tried,
    });
  }

  #end(arrival: Arrival): void {
    const sent = this.#sent.get(arrival.id);
    if (sent === undefined) return;
    this.#prefilled(sent);
    this.#sent.delete(arrival.id);
    this.#states.end(sent.rank, arrival.inputTokens, arrival.outputTokens);
  }

  #prefilled(sent: Sent): void {
    if (sent.answered) return;
    sent.answered = true;
    this.#states.answered(sent.rank, sent.uncached);
  }

  #learn(): void {
    for (let turn = this.#turn; turn !== null; turn = this.#turn) {
      this.#turn = null;
      turn();
    }
  }
}

/** A block's id stands for all the text up to its end: two words of it are its hash. */
function hashesOf(blocks: readonly number[]): Uint32Array {
  const hashes = new Uint32Array(blocks.length * 2);
  for (const [i, block] of blocks.entries()) {
    hashes[2 * i] = mix(block);
    hashes[2 * i + 1] = mix(block ^ 0x5bd1e995);
  }
  return hashes;
}
