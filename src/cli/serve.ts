import cluster from "node:cluster";
import { once } from "node:events";
import { Command } from "commander";
import { type App, compose } from "../compose.ts";
import { loadConfig } from "../config/load-config.ts";
import { Primary } from "../workers/primary.ts";
import { serveAsWorker } from "../workers/worker.ts";
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
    .description("Run the gateway until SIGINT or SIGTERM; SIGHUP takes the configuration anew.")
    .option("--config <file>", "configuration (default: config/default.yaml)")
    .addOption(jsonOption())
    .exitOverride()
    .action(serve);
}

async function serve(flags: ServeFlags): Promise<void> {
  const { result, progress } = output(flags.json ?? false);
  const config = await loadConfig(flags.config ?? null, process.env);
  if (cluster.isWorker) return serveAsWorker(config, progress);
  const app =
    config.workers > 1
      ? new Primary(config, progress)
      : await compose(config, {
          routing: null,
          recordTokens: 0,
          onFault: (fault) => progress(fault.message),
          onNotice: progress,
        });
  await stoppable(async (signal) => {
    const { url } = await app.start();
    result({ url }, `listening on ${url}`);
    const onHangup = () => void reload(flags.config ?? null, app, progress);
    process.on("SIGHUP", onHangup);
    if (!signal.aborted) await once(signal, "abort");
    process.off("SIGHUP", onHangup);
    progress(`stopping: what is in flight has ${config.http.graceMs / 1000} s to finish`);
    await app.stop();
  });
}

/** A configuration that cannot be taken changes nothing. */
async function reload(
  path: string | null,
  app: Pick<App, "reload">,
  progress: (line: string) => void,
): Promise<void> {
  try {
    await app.reload(await loadConfig(path, process.env));
    progress("the configuration was taken anew");
  } catch (error) {
    progress(`the configuration stays as it was: ${(error as Error).message}`);
  }
}
