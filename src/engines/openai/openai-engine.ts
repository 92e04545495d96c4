import type { Engine } from "../../serving/engine.ts";
import type { Dialect } from "../http/dialect.ts";
import { HttpEngine, type HttpEngineOptions } from "../http/http-engine.ts";
import { withoutLoad } from "../http/load-reports.ts";

const LOADLESS = "an OpenAI-compatible server of no known kind reports no load";

/** Any OpenAI-compatible servers: what each carries is known only from what the gateway has sent it. */
const openAi: Dialect = {
  name: "an OpenAI-compatible server",
  ranks: null,
  orca: false,
  routedExperts: "given",
  reportsDeath: null,
  adapterMark: null,
  takesAnswerId: false,
  loads: async (_ask, ranks) => withoutLoad(ranks, LOADLESS),
};

export function openAiEngine(options: HttpEngineOptions): Engine {
  return new HttpEngine(openAi, options);
}
