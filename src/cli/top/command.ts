import { Command } from "commander";
import { createLogUpdate } from "log-update";
import { type State, shownPool } from "../../dashboard/live/state.ts";
import { InputError } from "../../lib/errors.ts";
import { printable } from "../../lib/printable.ts";
import { inForeground } from "../foreground.ts";
import { jsonOption } from "../options.ts";
import { output } from "../output.ts";
import { GatewayClient } from "../plan/running-pool/gateway-client.ts";
import { gatewayOf, operatorKey } from "../plan/running-pool/pool-flags.ts";
import { stoppable } from "../stoppable.ts";
import { TerminalKeys } from "../terminal-keys.ts";
import { followEvents } from "./follow-events.ts";
import { type TopFacts, topFigures, topLine, topTable } from "./top-view.ts";

const VIEW_EVERY_MS = 1000;
const LINE_EVERY_MS = 5000;
const LOOK_MS = 1500;
/** The processes that the terminal's own Ctrl-C would go to. */
const OWN_GROUP = 0;
const USUAL_URL = "http://127.0.0.1:8080";

interface TopFlags {
  readonly keyEnv?: string;
  readonly once?: true;
  readonly json?: true;
}

/** `top`: the dashboard's overview, live in a terminal. */
export function topCommand(): Command {
  return new Command("top")
    .description("Show how a running gateway's pools are, live in a terminal.")
    .argument("[url]", "the gateway, with #NAME for one of its pools", USUAL_URL)
    .option("--key-env <name>", "the variable that holds the key of operators")
    .option("--once", "show the first report and end")
    .addOption(jsonOption())
    .exitOverride()
    .action(top);
}

async function top(at: string, flags: TopFlags): Promise<void> {
  const { url, name } = gatewayOf({ pool: at }, "url");
  const client = new GatewayClient(url, operatorKey(flags), "url");
  const once = flags.once === true || flags.json === true;
  const ended = new AbortController();
  let shown = new Shown(name);
  const view = once || !process.stdout.isTTY ? null : createLogUpdate(process.stdout);
  const keys =
    view === null
      ? null
      : TerminalKeys.open({
          keyboard: process.stdin,
          inForeground,
          signal: (signal) => process.kill(OWN_GROUP, signal),
          onKey: (key) => {
            if (key === "q") ended.abort();
            if (key === "\t") shown = shown.next();
          },
        });
  const everyMs = view === null ? LINE_EVERY_MS : VIEW_EVERY_MS;
  const draw = () => {
    const facts = shown.facts();
    if (facts === null) return;
    if (view === null) process.stdout.write(`${printable(topLine(facts))}\n`);
    else view(`${topTable(facts)}\nTab: the next pool, q: end`);
  };
  const timer = once ? null : setInterval(draw, everyMs);
  let began = false;
  let missing: InputError | null = null;
  try {
    await stoppable((stop) =>
      followEvents(client, AbortSignal.any([stop, ended.signal]), (state) => {
        shown.state = state;
        if (!began && name !== null && state.pools.size > 0 && !state.pools.has(name)) {
          const names = [...state.pools.keys()].join(", ");
          missing = new InputError("url", `#${name}`, `is no pool there; expected one of ${names}`);
          ended.abort();
        }
        if (once && began && state.traffic !== null) ended.abort();
        if (began || shown.facts() === null) return;
        began = true;
        // What the gateway measures comes once a second.
        if (once) AbortSignal.timeout(LOOK_MS).addEventListener("abort", () => ended.abort());
        else draw();
      }),
    );
  } finally {
    if (timer !== null) clearInterval(timer);
    keys?.close();
    view?.done();
  }
  if (missing !== null) throw missing as InputError;
  const facts = shown.facts();
  if (once && facts !== null) output(flags.json ?? false).result(topFigures(facts), topTable(facts));
}

/** Which pool is looked at. */
class Shown {
  readonly #name: string | null;
  state: State | null = null;

  /** @param name null for the first */
  constructor(name: string | null) {
    this.#name = name;
  }

  /** Null before the pool's first report, and while there is no such pool. */
  facts(): TopFacts | null {
    const { state } = this;
    const name = state === null ? null : (this.#name ?? shownPool(state));
    const pool = state === null || name === null ? undefined : state.pools.get(name);
    if (state === null || name === null || pool === undefined || pool.last === null) return null;
    return { state, name, pool, nowMs: Date.now() };
  }

  next(): Shown {
    const names = [...(this.state?.pools.keys() ?? [])];
    const at = names.indexOf(this.#name ?? names[0]);
    const next = new Shown(names[(at + 1) % Math.max(1, names.length)] ?? null);
    next.state = this.state;
    return next;
  }
}
