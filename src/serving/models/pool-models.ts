import type { ShardStates } from "../../routing/shard-states.ts";
import { type EngineServer, type ModelCard, serverInstance } from "../engine.ts";

/**
 * The models of one pool's servers, as each lists them: those that the configuration names, and their LoRA adapters.
 * Where they are listed decides where requests for them go. What a server listed last remains in use while it cannot be
 * asked.
 */
export class PoolModels {
  readonly #servers: readonly EngineServer[];
  readonly #configured: ReadonlySet<string>;
  readonly #states: ShardStates;
  /** What each lists of the pool's; null where that is not known. */
  readonly #cards = new Map<EngineServer, readonly ModelCard[] | null>();
  /** The configured models that no server lists: they are sent to all. */
  #everywhere: ReadonlySet<string>;
  /** Those that some server lists with the model each adapts. */
  #adapters: ReadonlyMap<string, string> = new Map();

  /** @param states `models` is written here */
  constructor(servers: readonly EngineServer[], configured: readonly string[], states: ShardStates) {
    this.#servers = servers;
    this.#configured = new Set(configured);
    this.#everywhere = this.#configured;
    this.#states = states;
    for (const server of servers) this.#cards.set(server, null);
  }

  /** What the servers listed that were there before, and have not listed anew. */
  resume(before: PoolModels): void {
    const known = new Map([...before.#cards].map(([server, cards]) => [serverInstance(server), cards]));
    for (const server of this.#servers) {
      const cards = known.get(serverInstance(server)) ?? null;
      if (cards !== null && this.#cards.get(server) === null) this.#cards.set(server, this.#own(cards));
    }
    this.#write();
  }

  /** Takes what a server lists now. */
  list(server: EngineServer, cards: readonly ModelCard[]): void {
    this.#cards.set(server, this.#own(cards));
    this.#write();
  }

  /** Writes where each model is. */
  #write(): void {
    const all = [...this.#cards.values()].flatMap((own) => own ?? []);
    const listed = new Set(all.map(({ id }) => id));
    this.#adapters = new Map(
      all.flatMap(({ id, parent }) => (typeof parent === "string" && parent !== id ? [[id, parent]] : [])),
    );
    // Engines may serve under other names than they list: a model that no server lists is sent to all.
    const everywhere = this.#configured.difference(listed);
    this.#everywhere = everywhere;
    for (const each of this.#servers) {
      const own = this.#cards.get(each) ?? null;
      const models = own === null ? this.#configured : everywhere.union(new Set(own.map(({ id }) => id)));
      for (const { rank } of each.shards) this.#states.models[rank] = models;
    }
  }

  /** The model that an adapter adapts which some server lists; null for any other name. */
  parentOf(adapter: string): string | null {
    return this.#adapters.get(adapter) ?? null;
  }

  /** What `parentOf` knows. */
  get adapters(): readonly string[] {
    return [...this.#adapters.keys()];
  }

  /**
   * What the servers list that are ready, and the configured models that no server lists: engines may serve under other
   * names than they list. Null when no server is ready of which it is known.
   */
  get cards(): readonly ModelCard[] | null {
    const known = this.#servers
      .filter(({ shards }) => shards.some(({ rank }) => this.#states.ready[rank] === 1))
      .map((server) => this.#cards.get(server) ?? null)
      .filter((cards) => cards !== null);
    return known.length === 0 ? null : [...known.flat(), ...this.unlisted];
  }

  /** Cards for the configured models that no server lists; for all where nobody lists any. */
  get unlisted(): readonly ModelCard[] {
    return [...this.#everywhere].map((id) => ({ id, object: "model", created: 0, owned_by: "unknown" }));
  }

  /** The configured models, and the adapters of what the server serves under their names. */
  #own(cards: readonly ModelCard[]): readonly ModelCard[] {
    const named = cards.filter(({ id }) => this.#configured.has(id));
    const roots = new Set(named.flatMap(({ root }) => (typeof root === "string" ? [root] : [])));
    // A server may list one model under several names, of which the configuration need not have all.
    const aliases = cards.filter(({ root }) => typeof root === "string" && roots.has(root));
    const bases = new Set([...this.#configured, ...aliases.map(({ id }) => id)]);
    return cards.filter(
      ({ id, parent }) => this.#configured.has(id) || (typeof parent === "string" && bases.has(parent)),
    );
  }
}
