import type { FastifyInstance } from "fastify";
import { InputError } from "../lib/errors.ts";
import type { LocalityReport } from "../serving/locality/locality-report.ts";
import { HttpError } from "./errors.ts";
import { localityPage } from "./locality-page.ts";

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
    if (!wantsPage(query.format, headers.accept)) return report;
    return reply.type("text/html; charset=utf-8").send(localityPage(report));
  });
}

function wantsPage(format: unknown, accept = ""): boolean {
  if (format === undefined) return /(^|,)\s*text\/html\s*(;|,|$)/i.test(accept);
  if (format === "html" || format === "json") return format === "html";
  throw new InputError("query", "format", `is ${JSON.stringify(format)}; expected html or json`);
}
