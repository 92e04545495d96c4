import { open } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { Command } from "commander";
import { InputError } from "../../lib/errors.ts";
import { printable } from "../../lib/printable.ts";
import { listModels, ServerUnusable } from "../../replay/chat-client.ts";
import type { ReplaySummary } from "../../replay/measures.ts";
import { openLoop } from "../../replay/open-loop.ts";
import { Replay } from "../../replay/replay.ts";
import type { RequestRecord } from "../../replay/request-record.ts";
import { schedule } from "../../replay/schedule.ts";
import { replayReport, requestLine } from "../../replay/report.ts";
import { LiveSummary } from "../live-summary.ts";
import { makeFolder } from "../make-folder.ts";
import { countOption, jsonOption, positiveOption, requireOptions } from "../options.ts";
import { output, writeOutput } from "../output.ts";
import { inspectCommand } from "./inspect.ts";
import { mergeCommand } from "./merge.ts";
import { openTrace, readingNotes, TRACE_FILES, type TraceFlags, withTraceOptions } from "./open-trace.ts";
import { replayTable } from "./table.ts";
import { stoppable } from "../stoppable.ts";

interface ReplayFlags extends TraceFlags {
  readonly trace: string;
  readonly url: string;
  readonly out: string;
  readonly model?: string;
  readonly duration?: number;
  readonly speed: number;
  readonly maxInFlight: number;
  readonly seed: number;
  readonly json?: true;
}

const FAILURE = 1;
const VIEW_EVERY_MS = 1000;

/** `replay`: open-loop load test of any OpenAI-compatible server. */
export function replayCommand(): Command {
  const command = new Command("replay")
    .description("Load-test an OpenAI-compatible server, open loop by a trace's clock.")
    .option("--trace <file>", TRACE_FILES)
    .option("--url <url>", "the server's base URL, with or without /v1")
    .option("--out <dir>", "folder for report.json and requests.jsonl")
    .option("--model <name>", "the model to ask for (default: the first the server lists)")
    .addOption(positiveOption("--duration <seconds>", "start no request after this"))
    .addOption(positiveOption("--speed <factor>", "2 plays the trace in half its time").default(1))
    .addOption(countOption("--max-in-flight <n>", "requests and sockets at one time").default(512))
    .addOption(countOption("--seed <n>", "of the prompts' text").default(1))
    .addOption(jsonOption())
    .addCommand(inspectCommand())
    .addCommand(mergeCommand())
    .action(replayTrace);
  return withTraceOptions(command);
}

async function replayTrace(flags: ReplayFlags, command: Command): Promise<void> {
  requireOptions(command, ["trace", "url", "out"]);
  const server = serverUrl(flags.url);
  const { speed, seed, maxInFlight } = flags;
  const trace = await openTrace(flags.trace, flags, seed);
  const durationMs = (flags.duration ?? Number.POSITIVE_INFINITY) * 1000;
  try {
    const model = await chooseModel(server, flags.model);
    const records = await createFile(join(flags.out, "requests.jsonl"));
    const onRecord = (record: RequestRecord): void => void records.write(`${requestLine(record)}\n`);
    const load = openLoop(schedule(trace.requests, speed, durationMs));
    const replay = new Replay({ server, model, load, maxInFlight, seed, onRecord });
    const replayed = stoppable((signal) => watched(replay, signal)).finally(() => records.end());
    const [summary] = await Promise.all([replayed, finished(records)]);

    for (const note of readingNotes(trace.reading())) output(false).progress(note);
    const report = replayReport({ trace: flags.trace, server, model, speed, seed, maxInFlight }, summary);
    await writeOutput(join(flags.out, "report.json"), `${JSON.stringify(report, null, 2)}\n`);
    output(flags.json ?? false).result(report, replayTable(summary));
    if (summary.completed === 0 && summary.failed > 0)
      throw new ServerUnusable(server, "failed every request");
  } catch (error) {
    if (!(error instanceof ServerUnusable)) throw error;
    process.stderr.write(`${printable(error.message)}\n`);
    process.exitCode = FAILURE;
  }
}

/** Runs a replay under the live view. */
async function watched(replay: Replay, signal: AbortSignal): Promise<ReplaySummary> {
  const view = new LiveSummary(process.stderr);
  const timer = setInterval(
    () => view.update({ traffic: replay.live(), pool: null, keys: null }),
    VIEW_EVERY_MS,
  );
  try {
    return await replay.run(signal);
  } finally {
    clearInterval(timer);
    view.close();
  }
}

function serverUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new InputError("--url", "", `is ${text}; expected an http or https URL like http://127.0.0.1:8000`);
  }
  return url;
}

/** Asks the server even where the model is named: a replay against nothing should end before it begins. */
async function chooseModel(server: URL, named: string | undefined): Promise<string> {
  const listed = await listModels(server);
  const model = named ?? listed[0];
  if (model === undefined) throw new ServerUnusable(server, "lists no model; name one with --model");
  return model;
}

async function createFile(path: string): Promise<Writable> {
  try {
    makeFolder(dirname(path));
    return (await open(path, "w")).createWriteStream();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new InputError(path, "", `cannot be written (${code}); name a writable place`);
  }
}
