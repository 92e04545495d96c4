import type { ServerHealth } from "../../serving/engine.ts";
import type { Ask } from "./dialect.ts";

/** Statuses of a server that has no such route. */
const NO_ROUTE = new Set([404, 405, 501]);
/** Statuses of a server that wants a key. */
const NO_KEY = new Set([401, 403]);

/** A server's own answer about its health: `/health`, or where it has no such route, whether it lists models. */
export async function askHealth(ask: Ask): Promise<ServerHealth> {
  const { status } = await ask("/health");
  if (!NO_ROUTE.has(status)) return healthOf(status, `GET /health answered ${status}`);
  const { status: listed } = await ask("/v1/models");
  return healthOf(listed, `GET /health answered ${status} and GET /v1/models ${listed}`);
}

function healthOf(status: number, answered: string): ServerHealth {
  if (status >= 200 && status < 300) return { ready: true, lack: null };
  const lack = NO_KEY.has(status) ? `${answered}: it wants another API key (apiKeyEnv)` : answered;
  return { ready: false, lack };
}
