import { type App, compose } from "../../src/compose.ts";
import type { Config } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load-config.ts";
import { scratchFolder } from "../scratch-folder.ts";

export interface RunningGateway {
  readonly app: App;
  readonly url: string;
  /** Where it answers operators; null where that is `url`. */
  readonly admin: string | null;
  /** Host and port of its endpoint picker; null for none. */
  readonly picker: string | null;
  /** What went wrong in its control loops. */
  readonly faults: readonly Error[];
  /** What it said about its shards. */
  readonly notices: readonly string[];
  /** Goes on by another configuration file's text. */
  reload(yaml: string): Promise<void>;
  stop(): Promise<void>;
}

/** Runs a gateway from a configuration file's text on a free port of this machine, without log. */
export async function startGateway(
  yaml: string,
  environment: Record<string, string> = {},
): Promise<RunningGateway> {
  const config = await readConfig(yaml, environment);
  const faults: Error[] = [];
  const notices: string[] = [];
  const app = await compose(config, {
    routing: null,
    recordTokens: 0,
    onFault: (fault) => faults.push(fault),
    onNotice: (line) => notices.push(line),
  });
  const { url, admin, picker } = await app.start();
  const reload = async (text: string) => app.reload(await readConfig(text, environment));
  return { app, url, admin, picker, faults, notices, reload, stop: () => app.stop() };
}

/** A gateway in front of these pools that stops after the check. */
export async function running(
  settings: string,
  pools: readonly string[],
  check: (gateway: RunningGateway) => Promise<void>,
): Promise<void> {
  const gateway = await startGateway(`${settings}pools: [${pools.join(", ")}]`);
  try {
    await check(gateway);
  } finally {
    await gateway.stop();
  }
}

/** A configuration file's text as a configuration, with a free port and without log. */
export async function readConfig(yaml: string, environment: Record<string, string> = {}): Promise<Config> {
  await using folder = await scratchFolder();
  const path = await folder.write("gateway.yaml", yaml);
  const quiet = { PLIMSOLL_HTTP_PORT: "0", PLIMSOLL_HTTP_LOG_LEVEL: "silent" };
  return await loadConfig(path, { ...quiet, ...environment });
}

/** A pool `chat` that serves the model `small` from these servers. */
export function chatPool(...urls: string[]): string {
  return `pools: [{ name: chat, kind: openai, models: [small], urls: [${urls.join(", ")}] }]`;
}
