import { compose } from "../../../compose.ts";
import { loadScenarioGateway } from "../../../config/replay-scenario/load-scenario.ts";
import { InputError } from "../../../lib/errors.ts";
import type { GatewayOrder, GatewaySaid } from "./gateway-messages.ts";

/** The gateway of a scenario, with its simulated pool, in a process of its own: it ends with the one that started it. */

function say(said: GatewaySaid): void {
  process.send?.(said);
}

async function start({ path, short }: GatewayOrder): Promise<void> {
  const config = await loadScenarioGateway(path, short);
  const app = await compose(
    { ...config, http: { ...config.http, logLevel: "silent" } },
    {
      routing: null,
      recordTokens: 0,
      onFault: ({ message }) => say({ kind: "notice", line: message }),
      onNotice: (line) => say({ kind: "notice", line }),
    },
  );
  const { url } = await app.start();
  // Every answer waits for a simulated pool's first snapshot.
  await Promise.all(app.pools().map(async ({ simulated }) => simulated?.engine.models()));
  say({ kind: "listening", url });
}

process.on("message", (order: GatewayOrder) => {
  start(order).catch((error: unknown) => {
    const { message } = error as Error;
    say({ kind: "failed", error: { message, input: error instanceof InputError } });
  });
});
// Ctrl-C reaches every process of a terminal: what it means is said by the one that started this.
process.on("SIGINT", () => {});
process.on("disconnect", () => process.exit());
