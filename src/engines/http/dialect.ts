import type { LoadReport } from "../../serving/engine.ts";
import type { ReportsDeath } from "./death-watch.ts";
import type { Answer } from "./server-connections.ts";

/** Asks one server. Rejects with EngineUnreachable when there is no answer. */
export type Ask = (path: string) => Promise<Answer>;

/** How requests name the rank they are for: by its place among those of its server, from 0. */
export interface RankNaming {
  /** In lower case. */
  readonly header: string;
  /** Fields of the body that say the same, for routes and versions that do not read the header. */
  readonly fields: readonly string[];
  /** Whether requests of a route can name a rank; what others are served by is the server's to choose. */
  reads(path: string): boolean;
}

/** What is particular to one kind of HTTP server. */
export interface Dialect {
  /** For a person, e.g. `vLLM`. */
  readonly name: string;
  /** How a request names the rank that is to serve it; null where none can. */
  readonly ranks: RankNaming | null;
  /** Whether it reports its load with an answer, when asked (`orca.ts`). */
  readonly orca: boolean;
  /** Where it was started to report the experts that tokens were routed to: with every answer, or when asked. */
  readonly routedExperts: "given" | "asked" | null;
  /** Whether an answer's error says that the server's engine has died; null where none does. */
  readonly reportsDeath: ReportsDeath | null;
  /** As in Engine; null where an adapter is a model like any other. */
  readonly adapterMark: string | null;
  /** Whether a response (`/v1/responses`) has the id that its request names, by the field `request_id`. */
  readonly takesAnswerId: boolean;
  /**
   * @param ranks the server's, by the numbers it knows them by; one where its ranks are not distinguished
   * @returns their loads, in that order
   */
  loads(ask: Ask, ranks: readonly number[]): Promise<readonly LoadReport[]>;
}
