import { Command } from "commander";
import { readTrace } from "../../formats/trace.ts";
import { InputError } from "../../lib/errors.ts";
import { oneLine } from "../../lib/printable.ts";
import type { GoodputTargets } from "../../replay/measures/goodput.ts";
import { openLoop } from "../../replay/open-loop.ts";
import { Replay, type ReplayOutcome } from "../../replay/replay.ts";
import { emptyOutcome } from "../../replay/report/empty-outcome.ts";
import { notices, REFUSES_FORCING, refusesForcing } from "../../replay/report/notices.ts";
import { type ReplaySetting, replayReport } from "../../replay/report/report.ts";
import { requestLine } from "../../replay/report/request-line.ts";
import type { RequestRecord } from "../../replay/request-record.ts";
import { checkThreshold, readThreshold } from "../../replay/report/thresholds.ts";
import { schedule } from "../../replay/schedule.ts";
import { ServerClient } from "../../replay/server-client.ts";
import { shownUrl, type Target } from "../../replay/target.ts";
import { LiveSummary } from "../live-summary.ts";
import { output, readInput } from "../output.ts";
import { stoppable } from "../stoppable.ts";
import { addFlags, type ReplayFlags } from "./flags.ts";
import { exitCodeOf, failedTooMany } from "./outcome-code.ts";
import { RunFiles } from "./run-files.ts";
import { extraBody, goodputTargets, targetOf } from "./settings.ts";
import { replayTable, thresholdLines } from "./table.ts";

const VIEW_EVERY_MS = 1000;

/** `replay`: load test of any OpenAI-compatible server. */
export function replayCommand(): Command {
  const command = new Command("replay").description(
    "Load-test an OpenAI-compatible server, open loop by a trace's clock.",
  );
  return addFlags(command).action(replayTrace);
}

async function replayTrace(flags: ReplayFlags): Promise<void> {
  const target = targetOf(flags, process.env);
  const goodput = goodputTargets(flags.goodput);
  const extra = extraBody(flags.extraBody);
  const setting = settingOf(flags, target, goodput);
  const empty = replayReport(
    { ...setting, model: "", startedAt: 0, endedAt: 0, partial: null },
    emptyOutcome(goodput),
  );
  const thresholds = (flags.threshold ?? []).map((text) => readThreshold(text, empty));
  const trace = readTrace(await readInput(flags.trace), flags.trace);

  const model = await chooseModel(target, flags.model);
  const files = await RunFiles.open(flags.out, flags.force ?? false);
  const durationMs = (flags.duration ?? Number.POSITIVE_INFINITY) * 1000;
  const lastMs = (trace.at(-1)?.arrivalMs ?? 0) / flags.speed;
  const startedAt = Date.now();
  const view = new LiveSummary(process.stderr);
  let refusal = false;
  const onRecord = (record: RequestRecord): void => {
    files.line(requestLine(record, startedAt));
    if (refusal || flags.lengths !== "forced" || !refusesForcing(record)) return;
    refusal = true;
    view.say(`${REFUSES_FORCING} It said: ${oneLine(record.errorText ?? "")}`);
  };
  const replay = new Replay({
    target,
    style: { endpoint: flags.endpoint, model, lengths: flags.lengths, extra },
    load: openLoop(schedule(trace, flags.speed, durationMs), Math.min(lastMs, durationMs)),
    maxInFlight: flags.maxInFlight,
    seed: flags.seed,
    timeoutMs: setting.timeoutMs,
    retries: flags.retries,
    leaving: flags.cancel,
    goodput,
    onRecord,
  });
  const { outcome, interrupted } = await stoppable((signal) => watched(replay, view, signal));
  const partial = interrupted ? "interrupted" : null;
  const report = replayReport({ ...setting, model, startedAt, endedAt: Date.now(), partial }, outcome);
  const checked = thresholds.map((threshold) => checkThreshold(threshold, report));
  const whole = checked.length === 0 ? report : { ...report, thresholds: [...checked] };
  await files.finish(whole);
  const out = output(flags.json ?? false);
  out.result(whole, [replayTable(outcome, outcome.client), ...thresholdLines(checked)].join("\n"));
  for (const line of notices(outcome, flags.lengths)) out.progress(line);
  const thresholdsMet = checked.every(({ met }) => met);
  const { maxFailed } = flags;
  if (interrupted) out.progress(`stopped: ${flags.out} holds what ran until then`);
  if (failedTooMany(outcome, maxFailed))
    out.progress(`${shownUrl(target.url)}: ${failedText(outcome, maxFailed)}`);
  process.exitCode = exitCodeOf({ outcome, interrupted, thresholdsMet, maxFailed });
}

function failedText({ completed, failed }: ReplayOutcome, maxFailed: number): string {
  if (completed === 0) return "failed every request";
  return `failed ${failed} of ${completed + failed} requests, more than --max-failed ${maxFailed}`;
}

/** Runs a replay under the live view. */
async function watched(
  replay: Replay,
  view: LiveSummary,
  signal: AbortSignal,
): Promise<{ readonly outcome: ReplayOutcome; readonly interrupted: boolean }> {
  const show = (): void => view.update({ traffic: replay.live(), pool: null, keys: null });
  const timer = setInterval(show, VIEW_EVERY_MS);
  try {
    const outcome = await replay.run(signal);
    return { outcome, interrupted: signal.aborted };
  } finally {
    clearInterval(timer);
    view.close();
  }
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

type FixedSetting = Omit<ReplaySetting, "model" | "startedAt" | "endedAt" | "partial">;

function settingOf(flags: ReplayFlags, target: Target, goodput: GoodputTargets | null): FixedSetting {
  const { trace, endpoint, speed, seed, maxInFlight, lengths, retries, cancel, timeout } = flags;
  return {
    trace,
    url: shownUrl(target.url),
    endpoint,
    speed,
    seed,
    maxInFlight,
    lengths,
    retries,
    leaving: cancel,
    timeoutMs: timeout === undefined ? null : timeout * 1000,
    goodput,
  };
}
