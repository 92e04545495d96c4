import {
  type EngineServer,
  EngineUnreachable,
  type LoadReport,
  type ModelCard,
  type ServerHealth,
  type Shard,
} from "../../serving/engine.ts";
import type { Dialect } from "./dialect.ts";
import { askHealth } from "./ask-health.ts";
import type { ServerConnections } from "./server-connections.ts";

/** One HTTP server with its ranks, as it is asked for its state. */
export class HttpServer implements EngineServer {
  readonly name: string;
  readonly shards: readonly Shard[];
  readonly #dialect: Dialect;
  readonly #connections: ServerConnections;
  readonly #ranks: readonly number[];

  /**
   * @param name for a person
   * @param ranks of `shards`, by the numbers the server knows them by
   */
  constructor(
    name: string,
    dialect: Dialect,
    connections: ServerConnections,
    shards: readonly Shard[],
    ranks: readonly number[],
  ) {
    this.name = name;
    this.shards = shards;
    this.#dialect = dialect;
    this.#connections = connections;
    this.#ranks = ranks;
  }

  get received(): number {
    return this.#connections.received;
  }

  health(signal: AbortSignal): Promise<ServerHealth> {
    return askHealth((path) => this.#connections.ask(path, signal));
  }

  loads(signal: AbortSignal): Promise<readonly LoadReport[]> {
    return this.#dialect.loads((path) => this.#connections.ask(path, signal), this.#ranks);
  }

  async models(signal: AbortSignal): Promise<readonly ModelCard[]> {
    const { status, text } = await this.#connections.ask("/v1/models", signal);
    if (status !== 200)
      throw new EngineUnreachable(this.name, `answered GET /v1/models with ${status}`, { cause: { status } });
    const cards = modelCards(text);
    if (cards !== null) return cards;
    throw new EngineUnreachable(
      this.name,
      "answered GET /v1/models with something else than a list of models",
    );
  }
}

function modelCards(text: string): readonly ModelCard[] | null {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof answer !== "object" || answer === null || !("data" in answer)) return null;
  const { data } = answer;
  return Array.isArray(data) && data.every(isModelCard) ? data : null;
}

function isModelCard(value: unknown): value is ModelCard {
  return typeof value === "object" && value !== null && "id" in value && typeof value.id === "string";
}
