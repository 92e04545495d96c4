import { stat } from "node:fs/promises";
import { type Command, Option } from "commander";
import { findFileChunks } from "../../files/file-chunks.ts";
import { servegenTraffic } from "../../formats/servegen/traffic.ts";
import { streamTrace } from "../../formats/trace.ts";
import { TRACE_FORMATS, type TraceFormat } from "../../formats/traces/trace-format.ts";
import type { TraceReading } from "../../formats/traces/trace-parser.ts";
import { InputError } from "../../lib/errors.ts";
import type { TraceRequest } from "../../model/traffic.ts";
import { PLAIN_WORDS, type PromptWords, wordsOf } from "../../replay/prompt-words.ts";
import { readServegenFolder } from "./servegen-folder.ts";
import { findTokenizer } from "./tokenizer-file.ts";

const SERVEGEN = "servegen";

/** What a person says of a trace. */
export interface TraceFlags {
  readonly format?: string;
  readonly strict?: true;
  readonly tokenizer?: string;
}

/** Adds the options that say how a trace is read. */
export function withTraceOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--format <name>", "what the trace is (default: told by its content)").choices([
        ...TRACE_FORMATS,
        SERVEGEN,
      ]),
    )
    .option("--strict", "stop at the first broken row; else those are left out, counted and named")
    .option("--tokenizer <file>", "a model's tokenizer.json, by which text is counted (default: by words)");
}

export const TRACE_FILES =
  "Azure, BurstGPT, Mooncake, Qwen-Bailian, timed_trace, ShareGPT or Plimsoll's own, also gzipped; or a folder of ServeGen's (docs/traces.md)";

/** A trace that is read as it is needed. */
export interface OpenTrace {
  /** Once. */
  readonly requests: AsyncIterable<TraceRequest>;
  /** The same requests once more. */
  again(): Promise<AsyncIterable<TraceRequest>>;
  /** What is known of it by now. */
  reading(): TraceReading;
  /** How far it is read, of its bytes or its time, 0 to 1; null where that is not known. */
  part(): number | null;
  /** What prompts are made of. */
  readonly words: PromptWords;
}

/**
 * Opens a trace.
 * @param seed of what is drawn: ServeGen's data says rates and lengths only
 * @throws InputError now, or while it is read
 */
export async function openTrace(path: string, flags: TraceFlags, seed: number): Promise<OpenTrace> {
  const tokenizer = flags.tokenizer === undefined ? undefined : await findTokenizer(flags.tokenizer);
  const words = tokenizer === undefined ? PLAIN_WORDS : wordsOf(tokenizer);
  const isFolder = (await stat(path).catch(() => null))?.isDirectory() ?? false;
  if (isFolder && (flags.format ?? SERVEGEN) === SERVEGEN)
    return { ...(await openServegen(path, seed)), words };
  if (flags.format === SERVEGEN) {
    throw new InputError(
      path,
      "",
      "is no folder; expected ServeGen's data of a model, with chunk-N-trace.csv",
    );
  }
  const options = {
    format: flags.format as TraceFormat | undefined,
    strict: flags.strict,
    counter: tokenizer,
  };
  const file = await findFileChunks(path);
  const { requests, parser } = streamTrace(file.chunks, path, options);
  return {
    requests,
    again: async () => streamTrace((await findFileChunks(path)).chunks, path, options).requests,
    reading: () => parser.reading,
    part: () => (file.size === 0 ? null : file.bytesRead() / file.size),
    words,
  };
}

async function openServegen(path: string, seed: number): Promise<Omit<OpenTrace, "words">> {
  const clients = await readServegenFolder(path);
  const lastMs = 1000 * Math.max(...clients.map(({ windows }) => windows.at(-1)?.from ?? 0));
  let drawn = 0;
  let reachedMs = 0;
  async function* requests(): AsyncGenerator<TraceRequest, void> {
    for (const request of servegenTraffic(clients, seed)) {
      drawn++;
      reachedMs = request.arrivalMs;
      yield request;
    }
    if (drawn === 0) throw new InputError(path, "", "says no requests in any window; expected at least one");
  }
  async function* anew(): AsyncGenerator<TraceRequest, void> {
    yield* servegenTraffic(clients, seed);
  }
  return {
    requests: requests(),
    again: () => Promise.resolve(anew()),
    reading: () => ({
      format: SERVEGEN,
      timed: true,
      requests: drawn,
      rows: drawn,
      broken: 0,
      firstBroken: [],
      leftOut: new Map(),
      timeUnit: null,
      doubts: [],
      lengths: `drawn, seed ${seed}`,
    }),
    part: () => (lastMs === 0 ? null : Math.min(1, reachedMs / lastMs)),
  };
}

/**
 * What a person should know of how a trace was read, a line each.
 * @param said what was said of it already
 */
export function readingNotes(reading: TraceReading, said: readonly string[] = []): string[] {
  const { broken, rows, firstBroken, leftOut, doubts, lengths } = reading;
  const more = broken > firstBroken.length ? [`… and ${broken - firstBroken.length} more`] : [];
  return [
    ...(broken === 0 ? [] : [`${broken} of ${rows} rows are broken and left out:`, ...firstBroken, ...more]),
    ...[...leftOut].map(([why, count]) => `${count} of ${rows} rows are left out: they ${why}`),
    ...doubts.filter((doubt) => !said.includes(doubt)),
    ...(lengths === "words" ? ["Lengths of text are counted in words; --tokenizer counts tokens."] : []),
  ];
}

/** The same of a trace that is looked at before it is played. */
export function inspectionNotes(reading: TraceReading): string[] {
  if (reading.timed) return readingNotes(reading);
  const untimed =
    "The trace says no times: all its requests come at once. A replay asks for --rate or --concurrency.";
  return [untimed, ...readingNotes(reading)];
}
