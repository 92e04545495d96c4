import type { FastifyInstance } from "fastify";
import type { LocalityReport } from "../serving/locality/locality-report.ts";
import { HttpError } from "./errors.ts";
import { localityPage } from "./locality-page.ts";
import { wantsFormat } from "./wanted-format.ts";

export interface LocalityParts {
  /** Null for a model whose requests do not go by their experts. */
  readonly localityOf: (model: string) => LocalityReport | null;
}

interface LocalityRoute {
  Params: { model: string };
  Querystring: { format?: unknown };
}

/** `GET /admin/locality/:model`: what is known of a model's requests by their experts, as JSON or a page. */
export function localityRoute(app: FastifyInstance, { localityOf }: LocalityParts): void {
  app.get<LocalityRoute>("/admin/locality/:model", async ({ params, query, headers }, reply) => {
    const report = localityOf(params.model);
    if (report === null)
      throw new HttpError(
        "model_not_found",
        `No model ${JSON.stringify(params.model)} has \`locality\` in \`shadow\` or \`on\` here.`,
      );
    if (!wantsFormat("html", query.format, headers.accept)) return report;
    return reply.type("text/html; charset=utf-8").send(localityPage(report));
  });
}
