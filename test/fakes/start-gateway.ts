import { type App, compose } from "../../src/compose.ts";
import { loadConfig } from "../../src/config/load-config.ts";
import { scratchFolder } from "../scratch-folder.ts";

export interface RunningGateway {
  readonly app: App;
  readonly url: string;
  /** What went wrong in its control loops. */
  readonly faults: readonly Error[];
  stop(): Promise<void>;
}

/** Runs a gateway from a configuration file's text on a free port of this machine, without log. */
export async function startGateway(
  yaml: string,
  environment: Record<string, string> = {},
): Promise<RunningGateway> {
  await using folder = await scratchFolder();
  const path = await folder.write("gateway.yaml", yaml);
  const quiet = { PLIMSOLL_HTTP_PORT: "0", PLIMSOLL_HTTP_LOG_LEVEL: "silent" };
  const config = await loadConfig(path, { ...quiet, ...environment });
  const faults: Error[] = [];
  const app = await compose(config, {
    routing: null,
    recordTokens: 0,
    onFault: (fault) => faults.push(fault),
    onNotice: () => {},
  });
  const { url } = await app.start();
  return { app, url, faults, stop: () => app.stop() };
}

/** A pool `chat` that serves the model `small` from these servers. */
export function chatPool(...urls: string[]): string {
  return `pools: [{ name: chat, kind: openai, models: [small], urls: [${urls.join(", ")}] }]`;
}
