import type { LoadReport } from "../../serving/engine.ts";
import type { Answer } from "./server-connections.ts";

/** Asks one server. Rejects with EngineUnreachable when there is no answer. */
export type Ask = (path: string) => Promise<Answer>;

/** What is particular to one kind of HTTP server. */
export interface Dialect {
  /** For a person, e.g. `vLLM`. */
  readonly name: string;
  /** The header that sends a request to one rank, in lower case; null where none does. */
  readonly rankHeader: string | null;
  /** Whether it tells its load with an answer, when asked (`orca.ts`). */
  readonly orca: boolean;
  /** When it tells, if it was started to, the experts that tokens were routed to: with every answer, or when asked. */
  readonly routedExperts: "given" | "asked" | null;
  /** As in Engine; null where an adapter is a model like any other. */
  readonly adapterMark: string | null;
  /**
   * @param ranks the server's, by the numbers it knows them by; one where its ranks are not told apart
   * @returns their loads, in that order
   */
  loads(ask: Ask, ranks: readonly number[]): Promise<readonly LoadReport[]>;
}
