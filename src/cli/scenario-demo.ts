import { once } from "node:events";
import type { Command } from "commander";
import { compose } from "../compose.ts";
import { loadScenarioGateway } from "../config/replay-scenario/load-scenario.ts";
import { InputError } from "../lib/errors.ts";
import { output } from "./output.ts";
import { stoppable } from "./stoppable.ts";

const DEFAULT_PORT = 8080;
/** What the scenario says itself, or what is of the demo's own traffic. */
const OWN = ["model", "topology", "gpu", "trace", "routing", "duration"] as const;

interface ScenarioDemoFlags {
  readonly scenario: string;
  readonly short?: true;
  readonly port?: number;
  readonly json?: true;
}

/** The gateway and the simulated pool of a load test, without traffic, until the person stops it. */
export async function scenarioDemo(flags: ScenarioDemoFlags, command: Command): Promise<void> {
  const stray = OWN.find((name) => command.getOptionValueSource(name) === "cli");
  if (stray !== undefined)
    throw new InputError(
      `--${stray}`,
      "",
      "does not go with --scenario, which says the pool; leave one of them out",
    );
  const config = await loadScenarioGateway(flags.scenario, flags.short ?? false);
  const { result, progress } = output(flags.json ?? false);
  for (const note of config.notes) progress(note);
  const app = await compose(
    { ...config, http: { ...config.http, port: flags.port ?? DEFAULT_PORT } },
    { routing: null, recordTokens: 0, onFault: ({ message }) => progress(message), onNotice: progress },
  );
  await stoppable(async (signal) => {
    const { url } = await app.start();
    result({ url }, `dashboard ${url}/; now: replay --scenario ${flags.scenario} --url ${url} --out DIR`);
    if (!signal.aborted) await once(signal, "abort");
    await app.stop();
  });
}
