import type { Client } from "./flight/client.ts";
import type { EngineRequest, ModelCard } from "./engine.ts";
import { Flight } from "./flight/flight.ts";
import type { FlightDeck } from "./flight/flight-deck.ts";
import { InvalidRequest, UnknownModel } from "./refusals.ts";
import type { RequestFacts } from "./request/request-facts.ts";
import type { ServingPool } from "./serving-pool.ts";

/** A list of models is small and at hand; an engine that takes longer is in trouble. */
const MODELS_WITHIN_MS = 5000;

/** Finds the pool that serves a request's model, and sends the request on its way. */
export class Gateway {
  readonly pools: readonly ServingPool[];
  readonly deck: FlightDeck;
  readonly #poolOf = new Map<string, ServingPool>();

  constructor(pools: readonly ServingPool[], deck: FlightDeck) {
    this.pools = pools;
    this.deck = deck;
    for (const pool of pools) for (const model of pool.models) this.#poolOf.set(model, pool);
  }

  /**
   * The client hears what comes of it, at once when it is refused.
   * @throws InvalidRequest, UnknownModel
   */
  send(facts: RequestFacts, request: EngineRequest, client: Client): Flight {
    const model = facts.model ?? this.#onlyModel();
    const pool = this.#poolOf.get(model);
    if (pool === undefined) throw new UnknownModel(`No pool serves the model \`${model}\`.`);
    return new Flight(this.deck, pool, facts, model, request, client).start();
  }

  /** What a request means that names no model, as servers of a single one allow. */
  #onlyModel(): string {
    const [model] = this.#poolOf.keys();
    if (this.#poolOf.size === 1) return model;
    throw new InvalidRequest("`model` must be the name of a model; GET /v1/models lists them.", "model");
  }

  /** What the pools serve, merged; a pool that cannot be asked is left out. @throws EngineUnreachable when none can */
  async models(): Promise<readonly ModelCard[]> {
    const answers = await Promise.allSettled(this.pools.map(modelsOf));
    const cards = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
    if (cards.length === 0) throw (answers[0] as PromiseRejectedResult).reason;
    return cards.flat();
  }
}

/** The first of the pool's servers that answers speaks for all. */
async function modelsOf({ engine, models }: ServingPool): Promise<readonly ModelCard[]> {
  const signal = AbortSignal.timeout(MODELS_WITHIN_MS);
  let fault: unknown;
  for (const server of engine.servers) {
    try {
      return (await server.models(signal)).filter((card) => models.includes(card.id));
    } catch (error) {
      fault ??= error;
    }
  }
  throw fault;
}
