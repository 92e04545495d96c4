import type { HeaderList, ShardReport } from "../../serving/engine.ts";
import type { ReadKvUse } from "./response-handler.ts";
import type { Answer } from "./server-connections.ts";

/** Asks one server. @throws EngineUnreachable when there is no answer */
export type Ask = (path: string) => Promise<Answer>;

/** What is particular to one kind of HTTP server. */
export interface Dialect {
  /** For a person, e.g. `vLLM`. */
  readonly name: string;
  /** The header that sends a request to one rank, in lower case; null where none does. */
  readonly rankHeader: string | null;
  /** Set on every request that carries work; names in lower case. */
  readonly headers: HeaderList;
  /** How the KV use is read from the answer to a request with these headers; absent where no answer tells it. */
  kvUseReader?(client: HeaderList): ReadKvUse;
  /**
   * @param ranks the server's, by the numbers it knows them by; one where its ranks are not told apart
   * @returns their reports, in that order
   */
  probe(ask: Ask, ranks: readonly number[]): Promise<readonly ShardReport[]>;
}
