import { Command } from "commander";
import { InputError } from "../../lib/errors.ts";
import { lookAhead } from "../../replay/look-ahead.ts";
import type { ReplayOutcome } from "../../replay/replay.ts";
import { notices } from "../../replay/report/notices.ts";
import { replayReport } from "../../replay/report/report.ts";
import { checkThreshold } from "../../replay/report/thresholds.ts";
import { ServerClient } from "../../replay/server-client.ts";
import { shownUrl, type Target } from "../../replay/target.ts";
import { requireOptions } from "../options.ts";
import { output } from "../output.ts";
import { compareCommand } from "./compare.ts";
import { addFlags, type ReplayFlags } from "./flags.ts";
import { inspectCommand } from "./inspect.ts";
import { mergeCommand } from "./merge.ts";
import { openTrace, readingNotes } from "./open-trace.ts";
import { exitCodeOf, failedTooMany } from "./outcome-code.ts";
import { run } from "./run.ts";
import { RunFiles } from "./run-files.ts";
import { readSettings, reportSetting } from "./settings.ts";
import { replayTable, thresholdLines } from "./table.ts";

/** `replay`: load test of any OpenAI-compatible server. */
export function replayCommand(): Command {
  const command = new Command("replay").description(
    "Load-test an OpenAI-compatible server, open loop by a trace's clock.",
  );
  return addFlags(command)
    .addCommand(inspectCommand())
    .addCommand(mergeCommand())
    .addCommand(compareCommand())
    .action(replayTrace);
}

async function replayTrace(flags: ReplayFlags, command: Command): Promise<void> {
  requireOptions(command, ["trace", "url", "out"]);
  const settings = readSettings(flags, process.env);
  const { target, thresholds } = settings;
  const trace = await openTrace(flags.trace, flags, flags.seed);
  const ahead = await lookAhead(trace.requests);
  const model = await chooseModel(target, flags.model);
  const files = await RunFiles.open(flags.out, flags.force ?? false);

  const { outcome, partial, interrupted, startedAt, broken } = await run(
    { flags, settings, model, words: trace.words },
    ahead,
    files,
  );
  const reading = trace.reading();
  const times = { startedAt, endedAt: Date.now(), partial };
  const report = replayReport({ ...reportSetting(flags, settings, trace), model, ...times }, outcome);
  const checked = thresholds.map((threshold) => checkThreshold(threshold, report));
  const whole = checked.length === 0 ? report : { ...report, thresholds: [...checked] };
  await files.finish(whole);

  const out = output(flags.json ?? false);
  out.result(whole, [replayTable(outcome, outcome.client), ...thresholdLines(checked)].join("\n"));
  for (const line of [...readingNotes(reading), ...notices(outcome, flags.lengths)]) out.progress(line);
  if (partial !== null) out.progress(`${partial}: ${flags.out} holds what ran until then`);
  if (broken !== null) throw broken;
  const { maxFailed } = flags;
  if (failedTooMany(outcome, maxFailed))
    out.progress(`${shownUrl(target.url)}: ${failedText(outcome, maxFailed)}`);
  const thresholdsMet = checked.every(({ met }) => met);
  process.exitCode = exitCodeOf({ outcome, interrupted, thresholdsMet, maxFailed });
}

function failedText({ completed, failed }: ReplayOutcome, maxFailed: number): string {
  if (completed === 0) return "failed every request";
  return `failed ${failed} of ${completed + failed} requests, more than --max-failed ${maxFailed}`;
}

/** Asks the server even where the model is named: a replay against nothing should end before it begins. */
async function chooseModel(target: Target, named: string | undefined): Promise<string> {
  const client = new ServerClient(target, 1);
  try {
    const listed = await client.models();
    if (named !== undefined) return named;
    if (listed === null)
      throw new InputError(shownUrl(target.url), "", "refuses the key; give one with --api-key");
    if (listed.length === 0)
      throw new InputError(shownUrl(target.url), "", "lists no model; name one with --model");
    return listed[0];
  } finally {
    await client.stop();
  }
}
