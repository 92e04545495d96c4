import type { Command } from "commander";
import { loadReplayScenario, loadScenarioGateway } from "../../../config/replay-scenario/load-scenario.ts";
import { InputError } from "../../../lib/errors.ts";
import type { LoadScenario } from "../../../model/load-scenario.ts";
import { ScenarioJudge } from "../../../replay/scenario/scenario-judge.ts";
import { requireOptions } from "../../options.ts";
import type { ReplayFlags } from "../flags.ts";
import type { RunBeside } from "../run-beside.ts";
import { emptyReport, readSettings } from "../settings.ts";
import { GatewayHandle } from "./gateway-handle.ts";
import { ScenarioBeside } from "./scenario-beside.ts";
import { ScenarioServer } from "./scenario-server.ts";

/** What a scenario says itself, or its requests. */
const OWN: readonly (keyof ReplayFlags)[] = [
  "trace",
  "format",
  "strict",
  "tokenizer",
  "speed",
  "rate",
  "burstiness",
  "ramp",
  "concurrency",
  "requests",
  "duration",
  "warmUp",
  "window",
  "isl",
  "osl",
  "sweep",
  "findMax",
  "step",
  "settle",
  "precision",
  "attainment",
];

/** Plays what the flags say, with something beside it. */
export type PlayFlags = (flags: ReplayFlags, beside: RunBeside) => Promise<void>;

/**
 * Plays a scenario against the server that is named, or else against the scenario's own gateway, which it starts, and
 * ends when the run is over.
 */
export async function playScenario(
  flags: ReplayFlags & { readonly scenario: string },
  command: Command,
  play: PlayFlags,
): Promise<void> {
  requireOptions(command, ["out"]);
  const stray = OWN.find((name) => command.getOptionValueSource(name) === "cli");
  if (stray !== undefined)
    throw new InputError(
      `--${dashed(stray)}`,
      "",
      "is what the scenario says; change its file, or leave one of them out",
    );
  const short = flags.short ?? false;
  const scenario = await loadReplayScenario(flags.scenario, short);
  // What is wrong with the file is said before anything is started.
  judgeOf(scenario, flagsOf(flags, scenario, "http://127.0.0.1"));
  const own = (flags.url as string | undefined) === undefined;
  if (own) await loadScenarioGateway(flags.scenario, short);
  const gateway = own ? await GatewayHandle.start({ path: flags.scenario, short }) : null;
  try {
    const named = flagsOf(flags, scenario, gateway?.url ?? flags.url);
    // What may fail, its thresholds say.
    const asked = command.getOptionValueSource("maxFailed") === "cli" || scenario.thresholds.length === 0;
    const played = asked ? named : { ...named, maxFailed: 1 };
    await play(played, await besideOf(played, scenario, gateway));
  } finally {
    await gateway?.close();
  }
}

/** The flags of the run that a scenario describes; what a person gives beside it wins. */
function flagsOf(flags: ReplayFlags, scenario: LoadScenario, url: string): ReplayFlags {
  const { durationMs, warmUpMs, goodput, retries } = scenario;
  return {
    ...flags,
    url,
    duration: (durationMs - warmUpMs) / 1000,
    ...(warmUpMs === 0 ? {} : { warmUp: { requests: 0, ms: warmUpMs } }),
    ...(flags.goodput === undefined && goodput.length > 0 ? { goodput } : {}),
    retries: flags.retries === 0 ? retries : flags.retries,
  };
}

function judgeOf(scenario: LoadScenario, flags: ReplayFlags): ScenarioJudge {
  const settings = readSettings(flags, process.env);
  return new ScenarioJudge(scenario.thresholds, emptyReport(flags, settings), settings.goodput);
}

async function besideOf(
  flags: ReplayFlags & { readonly scenario?: string },
  scenario: LoadScenario,
  gateway: GatewayHandle | null,
): Promise<ScenarioBeside> {
  const judge = judgeOf(scenario, flags);
  const server = new ScenarioServer(readSettings(flags, process.env).target);
  const pools = await server.pools();
  const places = server.placesOf(scenario.events, pools);
  const watched = places[0] ?? pools?.find(({ control }) => control !== null)?.pool ?? null;
  if (judge.asksOfPool && watched === null)
    throw server.fault("says nothing of a pool of experts, which thresholds are about");
  return new ScenarioBeside({
    path: flags.scenario ?? "",
    short: flags.short ?? false,
    scenario,
    judge,
    server,
    places,
    watched,
    undoes: gateway === null,
    gone: () => gateway?.ended ?? null,
    listen: (onNotice) => gateway?.listen(onNotice),
  });
}

/** `warmUp` as `warm-up`. */
function dashed(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
