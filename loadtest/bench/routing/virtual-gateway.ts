import { Rng } from "../../../src/lib/rng.ts";
import type { RoutingPolicy } from "../../../src/model/routing-policy.ts";
import { createPolicy } from "../../../src/routing/policies.ts";
import type { RoutableRequest } from "../../../src/routing/routable-request.ts";
import { Router } from "../../../src/routing/router.ts";
import { ShardStates } from "../../../src/routing/shard-states.ts";
import { BLOCK_TOKENS, requestFacts } from "../../../src/serving/request/request-facts.ts";
import type { ModelEngine } from "./model-engine.ts";
import type { VirtualRouter } from "./virtual-run.ts";
import type { TimedRequest } from "./workload.ts";

const PREFIX_INDEX_BYTES = 1 << 24;
const ORIGIN = { tenant: "anonymous", priority: 0, session: null, rank: -1, models: null, owner: null };

interface Sent {
  readonly shard: number;
  readonly request: RoutableRequest;
  readonly uncached: number;
  readonly ahead: number;
  readonly atMs: number;
  answered: boolean;
}

/** The gateway's routing, in virtual time: what it reads of a request, counts and learns. */
export class VirtualGateway implements VirtualRouter {
  readonly #states: ShardStates;
  readonly #router: Router;
  readonly #sent = new Map<number, Sent>();
  #nowMs = 0;

  constructor(policy: RoutingPolicy, shards: number, seed: number) {
    const shardIds = Array.from({ length: shards }, (_, shard) => `engine ${shard}`);
    this.#states = new ShardStates(shards, { now: () => this.#nowMs });
    const plugIns = createPolicy(policy, { shardIds, prefixIndexBytes: PREFIX_INDEX_BYTES });
    this.#router = new Router(plugIns, this.#states, new Rng(seed, 25));
  }

  choose(timed: TimedRequest, _engines: readonly ModelEngine[], there: Uint8Array, nowMs: number): number {
    this.#nowMs = nowMs;
    this.#states.ready.set(there);
    const { model, inputTokens, maxTokens, prefix, affinityKey } = requestFacts(
      Buffer.from(timed.body),
      ORIGIN,
    );
    const request: RoutableRequest = {
      model: model ?? "",
      inputTokens,
      outputTokens: maxTokens ?? 0,
      prefix,
      blockTokens: BLOCK_TOKENS,
      affinityKey,
      experts: null,
      pinnedRank: -1,
      tried: [],
    };
    const shard = this.#router.choose(request);
    const { uncached } = this.#router;
    this.#states.begin(shard, request.inputTokens, request.outputTokens, uncached);
    const ahead = this.#states.prefillTokens[shard];
    this.#sent.set(timed.id, { shard, request, uncached, ahead, atMs: nowMs, answered: false });
    return shard;
  }

  firstToken(id: number, nowMs: number): void {
    this.#nowMs = nowMs;
    const sent = this.#sent.get(id);
    if (sent === undefined) return;
    this.#states.speeds.observe(sent.shard, sent.ahead, nowMs - sent.atMs);
    this.#prefilled(sent);
  }

  over(id: number, nowMs: number): void {
    this.#nowMs = nowMs;
    const sent = this.#sent.get(id);
    if (sent === undefined) return;
    this.#prefilled(sent);
    this.#sent.delete(id);
    this.#states.end(sent.shard, sent.request.inputTokens, sent.request.outputTokens);
  }

  probed(engines: readonly ModelEngine[], there: Uint8Array): void {
    for (const [shard, engine] of engines.entries()) {
      if (there[shard] === 0) continue;
      const { load, settings } = engine;
      this.#states.report(shard, load, load.kvUse, settings.cacheTokens);
    }
  }

  came(engine: number): void {
    this.#router.forget(engine);
    this.#states.speeds.forget(engine);
  }

  #prefilled(sent: Sent): void {
    if (sent.answered) return;
    sent.answered = true;
    this.#states.answered(sent.shard, sent.uncached);
  }
}
