import cluster from "node:cluster";
import { once } from "node:events";
import { Command } from "commander";
import { compose } from "../compose.ts";
import type { Config } from "../config/config.ts";
import { loadConfig } from "../config/load-config.ts";
import { tlsThatWaits } from "../config/read-listeners.ts";
import { lookUpSrv } from "../discovery/dns-source.ts";
import { FoundServers } from "../discovery/found-servers.ts";
import { lookUp } from "../discovery/lookup.ts";
import { ServerNames } from "../discovery/server-names.ts";
import { type ServerSources, ServerWatch, withServers } from "../discovery/server-watch.ts";
import { FileWatch } from "../files/file-watch.ts";
import type { InputError } from "../lib/errors.ts";
import { Primary } from "../workers/primary.ts";
import { serveAsWorker } from "../workers/worker.ts";
import { configOption, configPath } from "./config-option.ts";
import { Hangups } from "./hangups.ts";
import { jsonOption } from "./options.ts";
import { output } from "./output.ts";
import { stoppable } from "./stoppable.ts";

interface ServeFlags {
  readonly config?: string;
  readonly json?: true;
}

/** `serve`: the production gateway. */
export function serveCommand(): Command {
  return new Command("serve")
    .description("Run the gateway until SIGINT or SIGTERM; SIGHUP reloads the configuration.")
    .addOption(configOption())
    .addOption(jsonOption())
    .exitOverride()
    .action(serve);
}

async function serve(flags: ServeFlags): Promise<void> {
  const { result, progress } = output(flags.json ?? false);
  if (cluster.isWorker) return serveAsWorker(progress);
  const hangups = new Hangups();
  try {
    await serveHere(configPath(flags.config), hangups, result, progress);
  } finally {
    hangups.close();
  }
}

async function serveHere(
  path: string,
  hangups: Hangups,
  result: ReturnType<typeof output>["result"],
  progress: (line: string) => void,
): Promise<void> {
  const written = await load(path, progress);
  const sources = {
    found: new FoundServers(lookUpSrv, progress),
    names: new ServerNames(lookUp, progress),
  };
  try {
    await serveBy(written, sources, path, hangups, result, progress);
  } finally {
    await sources.found.keep(null);
  }
}

async function serveBy(
  written: Config,
  sources: ServerSources,
  path: string,
  hangups: Hangups,
  result: ReturnType<typeof output>["result"],
  progress: (line: string) => void,
): Promise<void> {
  const files = new FileWatch(() => {
    progress("a file of keys or certificates has changed");
    hangups.ask();
  });
  const follow = ({ files: { names, watchMs } }: Config) => files.watch(names, watchMs);
  await follow(written);
  const config = await withServers(sources, written);
  for (const { line } of sources.found.found(written)) progress(line);
  const onFault = (fault: Error) => progress(fault.message);
  const found = () => sources.found.readings();
  const app =
    config.workers > 1
      ? new Primary(config, progress, found)
      : await compose(config, {
          routing: null,
          recordTokens: 0,
          onFault,
          onNotice: progress,
          sources: found,
        });
  const watch = new ServerWatch(
    { ...sources, reload: (next) => app.reload(next), onFault, onNotice: progress },
    written,
    config,
  );
  await stoppable(async (signal) => {
    const { url, admin, picker } = await app.start();
    const operators = admin === null ? "" : `; operators on ${admin}`;
    const picks = picker === null ? "" : `; endpoint picker on ${picker}`;
    const others = { ...(admin === null ? {} : { admin }), ...(picker === null ? {} : { picker }) };
    result({ url, ...others }, `listening on ${url}${operators}${picks}`);
    watch.start();
    hangups.begin(() => reload(path, config, watch, follow, progress));
    if (!signal.aborted) await once(signal, "abort");
    hangups.end();
    files.stop();
    progress(`stopping: what is in flight has ${config.http.graceMs / 1000} s to finish`);
    await Promise.all([watch.stop(), app.stop()]);
  });
}

async function load(path: string, progress: (line: string) => void): Promise<Config> {
  const config = await loadConfig(path, process.env);
  for (const note of config.notes) progress(note);
  return config;
}

/** A configuration that cannot be reloaded changes nothing. */
async function reload(
  path: string,
  running: Config,
  watch: ServerWatch,
  follow: (config: Config) => Promise<void>,
  progress: (line: string) => void,
): Promise<void> {
  try {
    const written = await load(path, progress);
    await watch.change(written);
    await follow(written);
    for (const line of tlsThatWaits(running, written)) progress(line);
    progress("the configuration is reloaded");
  } catch (error) {
    const { message, others = [] } = error as Partial<InputError> & Error;
    for (const line of [message, ...others]) progress(`the configuration stays as it was: ${line}`);
  }
}
