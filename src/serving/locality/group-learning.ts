import type { ExpertSignature, LocalityRouter } from "../../routing/locality/locality-router.ts";
import { type RequestGroups, groupsOf } from "../../routing/locality/request-groups.ts";
import type { Keys } from "./known-experts.ts";
import type { NodeHops } from "./pool-hops.ts";
import type { Sent } from "./sent.ts";

/** What an answer has named: groups are learned from these. */
export interface GroupSample {
  /** By which its like are known; null where only groups are learned from it. */
  readonly keys: Keys | null;
  readonly sent: Sent;
  readonly signature: ExpertSignature;
  /** Whether it went, or would have gone, where its like are: else it says nothing of its pool. */
  readonly goes: boolean;
  readonly hops: NodeHops;
}

/** The groups of requests of one model, by the names of their pools. */
export interface SharedGroups {
  readonly pools: readonly string[];
  readonly groups: RequestGroups;
}

/** Samples of other processes that wait for their turn; more are ignored. */
const MOST_WAITING = 64;

/**
 * Where the groups of one model's requests come from. By itself it learns them from its own requests. In one process of
 * several (`join`) it leaves samples for the one that learns, and takes over what that one publishes; the one that
 * learns gets its own samples like those of the others.
 */
export class GroupLearning {
  readonly #router: LocalityRouter;
  /** Null where it learns by itself. */
  #outbox: GroupSample[] | null = null;
  #most = 0;
  readonly #received: GroupSample[] = [];

  constructor(router: LocalityRouter) {
    this.#router = router;
  }

  /** Leaves samples for another process. @param most between two `takeSamples`; what comes faster is left out */
  join(most: number): void {
    this.#outbox ??= [];
    this.#most = most;
  }

  /** Of an own request. */
  observe(sample: GroupSample): void {
    if (this.#outbox === null) this.#learn(sample);
    else if (this.#outbox.length < this.#most) this.#outbox.push(sample);
  }

  /** Those left since the last call. */
  takeSamples(): readonly GroupSample[] {
    return this.#outbox?.splice(0) ?? [];
  }

  /** Of any process, for this one, which learns. */
  receive(sample: GroupSample): void {
    if (this.#received.length < MOST_WAITING) this.#received.push(sample);
  }

  /** Whether samples wait. */
  get waits(): boolean {
    return this.#received.length > 0;
  }

  /** The least that can be done. @returns whether there is more */
  step(): boolean {
    const sample = this.#received.shift();
    if (sample !== undefined) this.#learn(sample);
    const learning = this.#router.learn();
    return learning || this.waits;
  }

  /** Grows with what is learned; 0 where nothing is known. */
  get requests(): number {
    return this.#router.requests;
  }

  /** @param pools in the order of the router's instances @returns null where nothing is known */
  shared(pools: readonly string[]): SharedGroups | null {
    const { groups } = this.#router;
    return groups === null ? null : { pools, groups };
  }

  /**
   * Goes on from those of another process. A pool that it does not name begins with what all requests use.
   * @returns whether they are of such a model, and of one of these pools
   */
  take({ pools: named, groups }: SharedGroups, pools: readonly string[], width: number): boolean {
    const from = pools.map((pool) => named.indexOf(pool));
    if (groups.all.length !== width || from.every((at) => at < 0)) return false;
    this.#router.take(groupsOf(groups, from));
    return true;
  }

  forget(): void {
    this.#router.forget();
  }

  #learn({ sent, signature, goes }: GroupSample): void {
    this.#router.observe(signature, sent.tokens, goes ? sent.would : -1, 0);
  }
}
