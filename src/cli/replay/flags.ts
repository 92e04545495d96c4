import { type Command, InvalidArgumentError, Option } from "commander";
import { LENGTHS, type Lengths } from "../../replay/request-body.ts";
import { ENDPOINTS, type Endpoint } from "../../replay/target.ts";
import { countOption, jsonOption, positiveOption } from "../options.ts";
import { type CurveFlags, withCurveOptions } from "./curve-flags.ts";
import { type LoadFlags, withLoadOptions } from "./load-flags.ts";
import { TRACE_FILES, type TraceFlags, withTraceOptions } from "./open-trace.ts";

export interface ReplayFlags extends TraceFlags, LoadFlags, CurveFlags {
  readonly trace?: string;
  readonly scenario?: string;
  readonly short?: true;
  readonly url: string;
  readonly out: string;
  readonly model?: string;
  readonly endpoint: Endpoint;
  readonly apiKey?: string;
  readonly header?: readonly string[];
  readonly extraBody?: string;
  readonly insecure?: true;
  readonly keepAlive: boolean;
  readonly lengths: Lengths;
  readonly cancel: number;
  readonly retries: number;
  readonly timeout?: number;
  readonly maxInFlight?: number;
  readonly workers: number;
  readonly selfTest?: true;
  readonly seed: number;
  readonly goodput?: readonly string[];
  readonly threshold?: readonly string[];
  readonly maxFailed: number;
  readonly force?: true;
  readonly json?: true;
}

/** Node raises its own limit of open files to what the system allows. */
export const MAX_IN_FLIGHT = 4096;
const MAX_FAILED = 0.5;
const MOST_RETRIES = 100;

export function addFlags(command: Command): Command {
  return withCurveOptions(withLoadOptions(withTraceOptions(command)))
    .option("--trace <file>", TRACE_FILES)
    .option("--scenario <file>", "a test as a file: streams, events, thresholds (docs/scenarios.md)")
    .option("--short", "of a scenario, its short form")
    .option("--url <url>", "the server's base URL, with or without /v1; path and query are kept")
    .option("--out <dir>", "folder for the report (JSON, HTML), the requests and the files of other tools")
    .option("--force", "replace the run that the folder holds")
    .option("--model <name>", "the model to ask for (default: the first the server lists)")
    .addOption(new Option("--endpoint <name>", "what is asked").choices(ENDPOINTS).default("chat"))
    .option("--api-key <key>", "sent as bearer token (default: OPENAI_API_KEY of the environment)")
    .option("--header <name:value...>", "a header of every request; may be given again")
    .option("--extra-body <json>", "an object put over every request's; null takes a field out")
    .option("--insecure", "take any TLS certificate")
    .option("--no-keep-alive", "a new connection for each request")
    .addOption(
      new Option("--lengths <how>", "forced: ignore_eos and min_tokens make answers as long as the trace's")
        .choices(LENGTHS)
        .default("forced"),
    )
    .addOption(partOption("--cancel <part>", "part of the users who leave in the midst, 0..1").default(0))
    .addOption(
      wholeOption(
        "--retries <n>",
        "send again after 429 or 503, when Retry-After says (0: they fail)",
      ).default(0),
    )
    .addOption(
      positiveOption("--timeout <seconds>", "a request that takes longer has failed (default: none)"),
    )
    .addOption(
      countOption("--max-in-flight <n>", `requests and sockets at one time (default: ${MAX_IN_FLIGHT})`),
    )
    .option(
      "--self-test",
      "measure a server of known timing, and say how right the times are; nothing else is needed",
    )
    .addOption(countOption("--workers <n>", "processes that share the load").default(1))
    .addOption(
      countOption("--seed <n>", "of the prompts' text, of what is drawn, and of who leaves").default(1),
    )
    .option("--goodput <target...>", "what a good request holds, in ms: ttft:200 tpot:50 e2el:5000")
    .option("--threshold <comparison...>", "what the run must hold: 'p95_ttft_ms<200' 'failed_rate<0.01'")
    .addOption(
      partOption("--max-failed <part>", "part of the requests that may fail, 0..1").default(MAX_FAILED),
    )
    .addOption(jsonOption())
    .addHelpText(
      "after",
      [
        "",
        "Exit codes: 0 done; 1 more failed than --max-failed; 2 bad usage or input, or no such server;",
        "99 a threshold was missed; 130 stopped by Ctrl-C before its time was over, with everything so far kept.",
      ].join("\n"),
    );
}

function partOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text) => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (!(value >= 0 && value <= 1)) throw new InvalidArgumentError("Give a number in 0..1.");
    return value;
  });
}

/** An option that takes a small integer ≥ 0. */
function wholeOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text) => {
    const value = /^\d+$/.test(text) ? Number(text) : -1;
    if (value < 0 || value > MOST_RETRIES)
      throw new InvalidArgumentError(`Give an integer in 0..${MOST_RETRIES}.`);
    return value;
  });
}
