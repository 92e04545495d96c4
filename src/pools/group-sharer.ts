import { Leadership } from "../control/lead/leadership.ts";
import type { PoolFollower, PoolStore, ValueName } from "../control/store.ts";
import type { Clock } from "../lib/clock.ts";
import type { Reading } from "../lib/reading.ts";
import type { ModelLocality } from "../serving/locality/model-locality.ts";
import { UNKNOWN_HOPS } from "../serving/locality/pool-hops.ts";
import {
  type StoredSample,
  decodeGroups,
  decodeSamples,
  encodeGroups,
  encodeSamples,
} from "../serving/sharing/group-bytes.ts";

/** Of a gateway's answers in a second, those that the groups are learned from: every gateway's count alike. */
const SAMPLES_PER_SECOND = 4;
/** What is learned is published at most so often; groups drift over minutes. */
const PUBLISH_EVERY_MS = 2000;
/** As a sign of life, also what is as it was. */
const REPEAT_EVERY_MS = 30_000;
/** Groups of which nothing was heard for so long are forgotten. */
export const GROUPS_HOLD_MS = 300_000;

/** What is read of groups in a store. */
export const GROUP_KINDS = ["request_groups", "group_samples"] as const;
export type GroupReading = Reading<(typeof GROUP_KINDS)[number]>;

export interface GroupSharerOptions {
  readonly locality: ModelLocality;
  /** The model's part of the store: of a name that no pool can have. */
  readonly store: PoolStore;
  /** Unlike that of any other. */
  readonly holder: string;
  readonly leaseMs: number;
  /** Whether others may share the store. */
  readonly clustered: boolean;
  readonly clock: Clock;
  readonly reading: GroupReading;
  readonly onFault: (fault: Error) => void;
}

/**
 * One model's groups among all gateways that share a store. The one that holds the lease of the model's part learns
 * them, from a few samples a second of every gateway, and publishes them there as the value `learned`; the others take
 * them over. So all send requests together by the same groups, at most some seconds old; no request waits for that. Who
 * leads next goes on from what is stored, in the next process, too. One that hears nothing of them for five minutes
 * forgets them, and sends requests as without.
 */
export class GroupSharer implements PoolFollower {
  readonly locality: ModelLocality;
  readonly #options: GroupSharerOptions;
  readonly #leadership: Leadership;
  #unfollow: (() => void) | null = null;
  #stopReceiving: (() => void) | null = null;
  #heardMs: number;
  #publishedMs = Number.NEGATIVE_INFINITY;
  /** Requests behind what was published last. */
  #published = 0;

  constructor(options: GroupSharerOptions) {
    const { locality, store, holder, leaseMs, clustered, clock, onFault } = options;
    this.locality = locality;
    this.#options = options;
    this.#heardMs = clock.now();
    this.#leadership = new Leadership({
      store,
      holder,
      leaseMs,
      clock,
      onGained: (token) => this.#begin(token),
      onLost: async () => this.#end(),
      onFault,
    });
    if (clustered) locality.learning.join(SAMPLES_PER_SECOND);
  }

  /** Whether this one learns. */
  get leading(): boolean {
    return this.#leadership.token !== null;
  }

  /** Resolves after the first try for the lease. */
  async start(): Promise<void> {
    this.#unfollow = this.#options.store.follow(this);
    await this.#leadership.start();
  }

  /** Publishes what was learned last before it ends. */
  async stop(): Promise<void> {
    this.#unfollow?.();
    if (this.leading) await this.#publish();
    await this.#leadership.stop();
  }

  /** Once a second. Resolves also when the store does not answer. */
  async share(): Promise<void> {
    const { store, clock } = this.#options;
    const now = clock.now();
    const { learning } = this.locality;
    const samples = learning.takeSamples();
    if (samples.length > 0) await store.send(encodeSamples(this.#named(samples)), null).catch(() => {});
    if (this.leading) {
      this.#heardMs = now;
      const isNew = learning.requests !== this.#published;
      if (now - this.#publishedMs >= (isNew ? PUBLISH_EVERY_MS : REPEAT_EVERY_MS)) await this.#publish();
    } else if (now - this.#heardMs > GROUPS_HOLD_MS && learning.requests > 0) learning.forget();
  }

  epoch(): void {
    // Models have none.
  }

  value(name: ValueName, value: Uint8Array | null): void {
    if (name !== "learned" || value === null || this.leading) return;
    this.#take(value);
  }

  /** Whoever learns next goes on from what the last one has left, where that is more. */
  async #begin(token: number): Promise<void> {
    const { store, reading } = this.#options;
    const learned = (await store.read()).values.get("learned");
    if (learned !== undefined) this.#take(learned, this.locality.learning.requests);
    this.#stopReceiving = store.receive(token, async (messages) => {
      for (const message of messages) {
        const samples = reading.read("group_samples", () => decodeSamples(message));
        for (const sample of samples ?? []) this.#learn(sample);
      }
      return messages.length;
    });
  }

  #end(): void {
    this.#stopReceiving?.();
    this.#stopReceiving = null;
  }

  #take(bytes: Uint8Array, least = 0): void {
    const { reading, clock } = this.#options;
    const shared = reading.read("request_groups", () => decodeGroups(bytes));
    if (shared === null || shared.groups.requests < least) return;
    if (this.locality.takeGroups(shared)) this.#heardMs = clock.now();
  }

  async #publish(): Promise<void> {
    const { store, clock } = this.#options;
    const { token } = this.#leadership;
    const { groups } = this.locality;
    if (token === null || groups === null) return;
    this.#publishedMs = clock.now();
    this.#published = groups.groups.requests;
    // The store reports itself that it is gone; a lease that was lost is found out by who holds it.
    await store.put("learned", encodeGroups(groups), token).catch(() => {});
  }

  #named(samples: ReturnType<ModelLocality["learning"]["takeSamples"]>): StoredSample[] {
    const { names } = this.locality;
    return samples.map(({ sent, signature: { mix, tokens }, goes }) => ({
      pool: goes ? names[sent.would] : null,
      tokens: sent.tokens,
      seen: tokens,
      mix,
    }));
  }

  /** One of another width is of another model. */
  #learn({ pool, tokens, seen, mix }: StoredSample): void {
    if (mix.length !== this.locality.width) return;
    const would = pool === null ? -1 : this.locality.names.indexOf(pool);
    const sent = { arm: "locality" as const, at: would, would, tokens, series: null };
    this.locality.receive({
      keys: null,
      sent,
      signature: { mix, tokens: seen },
      goes: would >= 0,
      hops: UNKNOWN_HOPS,
    });
  }
}
