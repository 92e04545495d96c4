import { Command } from "commander";
import { InputError } from "../../lib/errors.ts";
import { ServerClient } from "../../replay/server-client.ts";
import { shownUrl, type Target } from "../../replay/target.ts";
import { requireOptions } from "../options.ts";
import { output } from "../output.ts";
import { compareCommand } from "./compare.ts";
import { addFlags, type ReplayFlags } from "./flags.ts";
import { inspectCommand } from "./inspect.ts";
import { mergeCommand } from "./merge.ts";
import { oneLoad } from "./one-load.ts";
import { type OpenRequests, openRequests } from "./open-requests.ts";
import { OwnPlayer, type Player, sendingOptions } from "./player.ts";
import { RunFiles } from "./run-files.ts";
import { selfTestCommand } from "./self-test/self-test-command.ts";
import type { RunBeside } from "./run-beside.ts";
import { playScenario } from "./scenario/play-scenario.ts";
import { type ReplaySettings, readSettings } from "./settings.ts";
import { WorkerPlayer } from "./workers/worker-player.ts";
import { wholeCurve } from "./whole-curve.ts";

/** `replay`: load test of any OpenAI-compatible server. */
export function replayCommand(): Command {
  const command = new Command("replay").description(
    "Load-test an OpenAI-compatible server: by a trace's clock, at a rate, or by concurrency.",
  );
  return addFlags(command)
    .addCommand(inspectCommand())
    .addCommand(mergeCommand())
    .addCommand(compareCommand())
    .action(replayTrace);
}

async function replayTrace(flags: ReplayFlags, command: Command): Promise<void> {
  if (flags.selfTest) return selfTestCommand(flags);
  const { scenario } = flags;
  if (scenario !== undefined) return playScenario({ ...flags, scenario }, command, play);
  if (flags.short) throw new InputError("--short", "", "is of a scenario; give --scenario too");
  const needed = flags.isl === undefined && flags.osl === undefined ? ["trace"] : [];
  requireOptions(command, [...needed, "url", "out"]);
  await play(flags, null);
}

async function play(flags: ReplayFlags, beside: RunBeside | null): Promise<void> {
  const settings = readSettings(flags, process.env);
  const requests = await openRequests(flags, settings.requests);
  const model = await chooseModel(settings.target, flags.model);
  const files = await RunFiles.open(flags.out, flags.force ?? false);
  const player = await openPlayer(flags, settings, model, requests);
  const { doubts } = requests.reading();
  for (const doubt of doubts) output(flags.json ?? false).progress(doubt);
  const parts = { flags, settings, requests, doubts, model, files, player, beside };
  try {
    if (settings.load !== null) await oneLoad(parts, settings.load);
    else if (settings.curve !== null) await wholeCurve(parts, settings.curve);
  } finally {
    await player.close();
  }
}

function openPlayer(
  flags: ReplayFlags,
  settings: ReplaySettings,
  model: string,
  requests: OpenRequests,
): Promise<Player> {
  const trace = { reading: requests.reading(), passes: 1 };
  if (flags.workers > 1) return WorkerPlayer.open(flags.workers, flags, model, settings.goodput, trace);
  return Promise.resolve(new OwnPlayer(sendingOptions(flags, settings, model, requests), requests));
}

/** Asks the server even where the model is named: a replay against nothing should end before it begins. */
async function chooseModel(target: Target, named: string | undefined): Promise<string> {
  const client = new ServerClient(target, 1);
  try {
    const { status, ids } = await client.models();
    if (named !== undefined) return named;
    if (status === 401 || status === 403)
      throw new InputError(shownUrl(target.url), "", "refuses the key; give one with --api-key");
    const answered = status < 300 ? "" : ` (HTTP ${status})`;
    if (ids.length === 0)
      throw new InputError(shownUrl(target.url), "", `lists no model${answered}; name one with --model`);
    return ids[0];
  } finally {
    await client.stop();
  }
}
