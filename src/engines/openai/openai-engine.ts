import type { Engine, ShardReport } from "../../serving/engine.ts";
import type { Ask, Dialect } from "../http/dialect.ts";
import { HttpEngine, type HttpEngineOptions } from "../http/http-engine.ts";
import { reports } from "../http/reports.ts";

const LOADLESS = "an OpenAI-compatible server of no known kind reports no load";

/** Any OpenAI-compatible servers: what each carries is known only from what the gateway has sent it. */
const openAi: Dialect = {
  name: "an OpenAI-compatible server",
  ranks: null,
  orca: false,
  routedExperts: "given",
  probe,
};

export function openAiEngine(options: HttpEngineOptions): Engine {
  return new HttpEngine(openAi, options);
}

/** Ready when it lists models; where it cannot list them, when `/health` says so. */
async function probe(ask: Ask, ranks: readonly number[]): Promise<readonly ShardReport[]> {
  const models = await ask("/v1/models");
  if (models.status === 200) return reports(ranks, true, LOADLESS);
  if (models.status !== 404) return reports(ranks, false, `GET /v1/models answered ${models.status}`);
  const health = await ask("/health");
  if (health.status === 200) return reports(ranks, true, LOADLESS);
  return reports(ranks, false, `GET /v1/models answered 404 and GET /health ${health.status}`);
}
