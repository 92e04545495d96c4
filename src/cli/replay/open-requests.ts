import type { TraceRequest } from "../../model/traffic.ts";
import type { TraceReading } from "../../formats/traces/trace-parser.ts";
import { RequestSource } from "../../replay/load/request-source.ts";
import type { LengthSpread } from "../../model/length-spread.ts";
import { madeUpRequests } from "../../replay/load/made-up-lengths.ts";
import { repeatedTrace } from "../../replay/load/repeated-trace.ts";
import { inWindow } from "../../replay/load/trace-window.ts";
import { lookAhead } from "../../replay/look-ahead.ts";
import { PLAIN_WORDS, type PromptWords, wordsOf } from "../../replay/prompt-words.ts";
import { InputError } from "../../lib/errors.ts";
import { decimals } from "../../lib/number-text.ts";
import type { ReplayFlags } from "./flags.ts";
import type { RequestSetting } from "./load-settings.ts";
import { openTrace, type TraceFlags } from "./open-trace.ts";
import { scenarioRequests } from "./scenario/scenario-requests.ts";
import { findTokenizer } from "./tokenizer-file.ts";

/** What a load takes its requests from. */
export interface OpenRequests {
  readonly source: RequestSource;
  /** When the last one arrives, by their own clock; null where that is not known. */
  readonly lastMs: number | null;
  /** What they are, for a report. */
  readonly name: string;
  readonly words: PromptWords;
  reading(): TraceReading;
  /** How often the trace began. */
  passes(): number;
  /** Why they cannot be read on; null where they can. */
  broken(): Error | null;
}

/**
 * @throws InputError for a trace whose beginning cannot be read, or whose window is empty
 */
export async function openRequests(
  flags: TraceFlags & Pick<ReplayFlags, "trace" | "scenario" | "short" | "seed">,
  { lengths, window, repeats, needsTimes }: RequestSetting,
): Promise<OpenRequests> {
  if (flags.scenario !== undefined) return scenarioRequests(flags.scenario, flags.short ?? false, flags.seed);
  if (lengths !== null) return madeUp(flags, lengths);
  if (flags.trace === undefined)
    throw new InputError("--trace", "", "is missing; give a trace, or --isl and --osl");
  const { trace: path, seed } = flags;
  const trace = await openTrace(path, flags, seed);
  const cut = (requests: AsyncIterable<TraceRequest>): AsyncIterable<TraceRequest> =>
    window === null ? requests : inWindow(requests, window);
  const { requests, lastMs } = await lookAhead(cut(trace.requests));
  if (window !== null && lastMs === null && (await isEmpty(cut(await trace.again()))))
    throw new InputError("--window", path, "holds no request of the trace; `replay inspect` shows its times");
  if (needsTimes && !trace.reading().timed)
    throw new InputError(
      path,
      "",
      "says no times: all its requests would come at once; give --rate 10, --concurrency 64 or a --sweep",
    );
  let passes = 1;
  let broken: Error | null = null;
  const all = repeats
    ? repeatedTrace(
        requests,
        async () => cut(await trace.again()),
        (pass) => (passes = pass),
      )
    : requests;
  return {
    source: new RequestSource(untilBroken(all, (error) => (broken = error))),
    lastMs,
    name: path,
    words: trace.words,
    reading: () => trace.reading(),
    passes: () => passes,
    broken: () => broken,
  };
}

async function madeUp(
  flags: TraceFlags & { readonly seed: number },
  { input, output }: NonNullable<RequestSetting["lengths"]>,
): Promise<OpenRequests> {
  const tokenizer = flags.tokenizer === undefined ? undefined : await findTokenizer(flags.tokenizer);
  const name = `isl ${spreadText(input)}, osl ${spreadText(output)}`;
  return {
    source: new RequestSource(madeUpRequests(input, output, flags.seed)),
    lastMs: null,
    name,
    words: tokenizer === undefined ? PLAIN_WORDS : wordsOf(tokenizer),
    reading: () => ({
      format: "lengths",
      timed: true,
      requests: 0,
      rows: 0,
      broken: 0,
      firstBroken: [],
      leftOut: new Map(),
      timeUnit: null,
      doubts: [],
      lengths: `drawn, seed ${flags.seed}`,
    }),
    passes: () => 1,
    broken: () => null,
  };
}

function spreadText({ tokens, spread }: LengthSpread): string {
  return spread === 0 ? `${tokens}` : `${tokens} ± ${decimals(100 * spread, 1)} %`;
}

async function isEmpty(requests: AsyncIterable<TraceRequest>): Promise<boolean> {
  for await (const _ of requests) return false;
  return true;
}

/** Ends where the trace cannot be read on: what has been sent until then is measured all the same. */
async function* untilBroken(
  requests: AsyncIterable<TraceRequest>,
  onBroken: (error: Error) => void,
): AsyncGenerator<TraceRequest, void> {
  try {
    yield* requests;
  } catch (error) {
    onBroken(error as Error);
  }
}
