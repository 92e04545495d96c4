import type { ServerHealth } from "../../serving/engine.ts";
import type { Ask } from "./dialect.ts";

/** Statuses of a server that has no such route. */
const NO_ROUTE = new Set([404, 405, 501]);
/** Statuses of a server that wants to know who asks. */
const NO_KEY = new Set([401, 403]);

/** A server's own word on its health: `/health`, or where it has no such route, whether it lists models. */
export async function askHealth(ask: Ask): Promise<ServerHealth> {
  const { status } = await ask("/health");
  if (!NO_ROUTE.has(status)) return word(status, `GET /health answered ${status}`);
  const { status: listed } = await ask("/v1/models");
  return word(listed, `GET /health answered ${status} and GET /v1/models ${listed}`);
}

function word(status: number, said: string): ServerHealth {
  if (status >= 200 && status < 300) return { ready: true, lack: null };
  const lack = NO_KEY.has(status) ? `${said}: it wants another API key (apiKeyEnv)` : said;
  return { ready: false, lack };
}
