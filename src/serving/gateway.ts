import type { Carrier } from "./flight/carrier.ts";
import type { Client } from "./flight/client.ts";
import { joined } from "../lib/json-fields.ts";
import { ResponseSearch } from "./affinity/response-search.ts";
import type { EngineRequest, ModelCard } from "./engine.ts";
import { Flight } from "./flight/flight.ts";
import type { FlightDeck } from "./flight/flight-deck.ts";
import { ModelDirectory, type ModelPlace } from "./models/model-directory.ts";
import type { ModelRefresh } from "./models/model-refresh.ts";
import { InvalidRequest, UnknownModel } from "./refusals.ts";
import type { RequestFacts } from "./request/request-facts.ts";
import type { ServingPool } from "./serving-pool.ts";
import type { RequestTrace } from "./tracing/request-trace.ts";

/** The most models that a refusal names. */
const MOST_NAMED = 10;

/** Finds the pool that serves a request's model, and sends the request on its way. */
export class Gateway {
  readonly pools: readonly ServingPool[];
  readonly deck: FlightDeck;
  readonly #directory: ModelDirectory;
  readonly #search = new ResponseSearch();
  /** Whether every request goes to the same server. */
  readonly #isOneServer: boolean;

  /** @param onNotice receives one line for a person */
  constructor(
    pools: readonly ServingPool[],
    deck: FlightDeck,
    refresh: ModelRefresh,
    onNotice: (line: string) => void,
  ) {
    this.pools = pools;
    this.deck = deck;
    this.#isOneServer = pools.length === 1 && pools[0].engine.servers.length === 1;
    this.#directory = new ModelDirectory(pools, refresh, onNotice);
  }

  /**
   * Null when the request can be sent at once. For a model that no known server lists it resolves, within a second,
   * when the servers were asked again what they list: an adapter may have been loaded since. Then it can be sent. The
   * same holds for a stored response whose server is not known here.
   */
  lookUp({ model, responseId }: RequestFacts, { headers }: EngineRequest): Promise<void> | null {
    if (responseId !== null && this.#home(responseId) === null && !this.#isOneServer)
      return this.#search.find(responseId, this.pools, headers);
    return model === null || model === "" ? null : this.#directory.lookUp(model);
  }

  /**
   * The client receives the answer or the refusal, which may come at once.
   * @param carrier null where the engine sends the request
   * @throws InvalidRequest, UnknownModel
   */
  send(
    facts: RequestFacts,
    request: EngineRequest,
    client: Client,
    trace: RequestTrace | null = null,
    carrier: Carrier | null = null,
  ): Flight {
    const home = facts.responseId === null ? null : this.#home(facts.responseId);
    const { pool, model, asked } = home !== null && facts.model === null ? home : this.#placeOf(facts);
    const sent = asked === null ? request : asking(request, asked);
    // Only the server that gave a response has it.
    const known = home?.pool === pool ? { ...facts, rank: home.shard } : facts;
    return new Flight(this.deck, pool, known, model, sent, client, trace, carrier).start();
  }

  /** What the ready servers of all pools list, merged. @throws NoShardAvailable when it is known for none of them */
  models(): Promise<readonly ModelCard[]> {
    return this.#directory.cards();
  }

  /** Where a stored response is; null where that is not known. */
  #home(responseId: string): (ModelPlace & { readonly shard: number }) | null {
    for (const pool of this.pools) {
      const shard = pool.responses.of(responseId);
      if (shard >= 0) return { pool, model: pool.models[0], asked: null, shard };
    }
    return null;
  }

  /** A request for an unknown response is sent all the same: the engine answers it in its own words. */
  #placeOf({ model, responseId }: RequestFacts): ModelPlace {
    const [pool] = this.pools;
    if (responseId !== null && model === null) return { pool, model: pool.models[0], asked: null };
    return this.#place(model);
  }

  #place(model: string | null): ModelPlace {
    const wanted = model === null || model === "" ? this.#onlyModel() : model;
    const place = this.#directory.find(wanted);
    if (place === null) throw new UnknownModel(`No pool serves the model \`${wanted}\`.`);
    return place;
  }

  /** The model of a request that names none, as servers of a single model allow. */
  #onlyModel(): string {
    const { configured } = this.#directory;
    if (configured.length === 1) return configured[0];
    const named = configured.slice(0, MOST_NAMED).join(", ");
    const more = configured.length > MOST_NAMED ? ", …" : "";
    throw new InvalidRequest(`\`model\` must be the name of a model: ${named}${more}.`, "model");
  }
}

/** The request for the model of this name. A form keeps the name that its client gave. */
function asking(request: EngineRequest, model: string): EngineRequest {
  if (request.fields === undefined) return request;
  return { ...request, added: joined(request.added, `"model":${JSON.stringify(model)}`) };
}
