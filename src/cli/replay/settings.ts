import { InputError } from "../../lib/errors.ts";
import type { TraceReading } from "../../formats/traces/trace-parser.ts";
import type { GoodputTargets } from "../../replay/measures/goodput.ts";
import type { LoadPlan } from "../../replay/load/load-plan.ts";
import { PLAIN_WORDS } from "../../replay/prompt-words.ts";
import { emptyOutcome } from "../../replay/report/empty-outcome.ts";
import { curveReport } from "../../replay/report/curve-report.ts";
import { meantText, measureKey } from "../../replay/report/figure-names.ts";
import { type ReplayReport, type ReplaySetting, replayReport } from "../../replay/report/report.ts";
import { readThreshold, type Threshold } from "../../replay/report/thresholds.ts";
import { endpointOf, shownUrl, type Target } from "../../replay/target.ts";
import { MAX_IN_FLIGHT, type ReplayFlags } from "./flags.ts";
import { type CurveSettings, readCurve } from "./curve-settings.ts";
import { type RequestSetting, readLoad, readRequests } from "./load-settings.ts";
import type { OpenRequests } from "./open-requests.ts";

export interface ReplaySettings {
  readonly target: Target;
  readonly extra: Readonly<Record<string, unknown>>;
  readonly goodput: GoodputTargets | null;
  readonly thresholds: readonly Threshold[];
  /** Null where it is a curve. */
  readonly load: LoadPlan | null;
  readonly curve: CurveSettings | null;
  readonly requests: RequestSetting;
  readonly maxInFlight: number;
  readonly timeoutMs: number | null;
}

const SECOND = 1000;
const MOST_WORKERS = 256;

/**
 * What the flags say, checked.
 * @param environment where a key may be
 */
export function readSettings(flags: ReplayFlags, environment: NodeJS.ProcessEnv): ReplaySettings {
  if (flags.workers > MOST_WORKERS)
    throw new InputError("--workers", "", `is ${flags.workers}; give at most ${MOST_WORKERS}`);
  const goodput = goodputTargets(flags.goodput);
  const curve = readCurve(flags, goodput);
  const load = curve === null ? readLoad(flags) : null;
  const settings = {
    target: targetOf(flags, environment),
    extra: extraBody(flags.extraBody),
    goodput,
    curve,
    load: load?.plan ?? null,
    requests: load?.requests ?? readRequests(flags, { paced: true, ends: true }),
    maxInFlight: mostInFlight(flags),
    timeoutMs: flags.timeout === undefined ? null : flags.timeout * SECOND,
  };
  const empty = emptyReport(flags, settings);
  return { ...settings, thresholds: (flags.threshold ?? []).map((text) => readThreshold(text, empty)) };
}

/** Of a run of nothing: it has every key there is. */
export function emptyReport(flags: ReplayFlags, settings: Omit<ReplaySettings, "thresholds">): ReplayReport {
  const { curve, goodput } = settings;
  const common = { ...reportSetting(flags, settings, null), model: "" };
  const times = { startedAt: 0, endedAt: 0, partial: null };
  if (curve === null) return replayReport({ ...common, ...times }, emptyOutcome(goodput));
  const nothing = { steps: [], max: curve.findsMax ? NOT_FOUND : null };
  return curveReport(common, times, { ...curve, ...nothing });
}

const NOT_FOUND = { held: null, lost: null, byClient: false, precise: false };

/** What a report says of the flags. @param trace null before it is opened */
export function reportSetting(
  flags: ReplayFlags,
  { target, goodput, timeoutMs, load, requests, maxInFlight }: Omit<ReplaySettings, "thresholds">,
  trace: (Pick<OpenRequests, "words" | "name"> & { readonly reading: TraceReading }) | null,
): Omit<ReplaySetting, "model" | "startedAt" | "endedAt" | "partial"> {
  const { endpoint, speed, seed, lengths, retries, cancel } = flags;
  const reading = trace?.reading;
  return {
    trace: trace?.name ?? "",
    ...(load === null ? {} : { load }),
    traceWindow: requests.window,
    workers: flags.workers,
    traceFormat: reading?.format ?? null,
    traceBroken: reading?.broken ?? 0,
    traceLeftOut: reading?.leftOut.values().reduce((sum, rows) => sum + rows, 0) ?? 0,
    traceDoubts: reading?.doubts ?? [],
    promptsBy: (trace?.words ?? PLAIN_WORDS).countedBy,
    url: shownUrl(target.url),
    endpoint,
    speed,
    seed,
    maxInFlight,
    lengths,
    retries,
    leaving: cancel,
    timeoutMs,
    goodput,
  };
}

/** @throws InputError where a closed loop would need more */
function mostInFlight({ maxInFlight, concurrency = 1, sweep }: ReplayFlags): number {
  const streams = sweep?.kind === "concurrency" ? Math.max(...sweep.loads) : concurrency;
  if (maxInFlight !== undefined && streams > maxInFlight)
    throw new InputError("--max-in-flight", "", `is below a concurrency of ${streams}; give as many or more`);
  return maxInFlight ?? Math.max(MAX_IN_FLIGHT, streams);
}

/** Header names and values that HTTP/1.1 can carry (RFC 9110). */
const HEADER = /^([!#$%&'*+.^_`|~\w-]+):[\t ]*([\t\x20-\x7e\x80-\xff]*)$/;

/** Of how a message is sent, which is the connection's business, and the name of a request. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  "content-length",
  "expect",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "x-request-id",
]);

/** How the server is spoken to. */
function targetOf(flags: ReplayFlags, environment: NodeJS.ProcessEnv): Target {
  const url = serverUrl(flags);
  const headers = new Map<string, [name: string, value: string]>();
  const put = (name: string, value: string) => headers.set(name.toLowerCase(), [name, value]);
  const key = flags.apiKey ?? environment["OPENAI_API_KEY"];
  if (key !== undefined && key !== "") put("Authorization", headerValue("--api-key", `Bearer ${key}`));
  else if (url.username !== "") put("Authorization", basic(url));
  for (const text of flags.header ?? []) {
    const [, name, value] = HEADER.exec(text) ?? [];
    if (name === undefined)
      throw new InputError("--header", "", "is no name and value; expected one like X-Team: search");
    if (OWN_HEADERS.has(name.toLowerCase()))
      throw new InputError("--header", name, "is the client's own, of each request another; leave it out");
    put(name, value.trimEnd());
  }
  return {
    url,
    headers: [...headers.values()].flat(),
    insecure: flags.insecure ?? false,
    keepAlive: flags.keepAlive,
  };
}

function extraBody(text: string | undefined): Readonly<Record<string, unknown>> {
  if (text === undefined) return {};
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = null;
  }
  if (typeof body !== "object" || body === null || Array.isArray(body))
    throw new InputError("--extra-body", "", `is ${text}; expected a JSON object like {"temperature":0}`);
  return body as Record<string, unknown>;
}

const TARGETS: Readonly<Record<string, keyof GoodputTargets>> = {
  ttft_ms: "ttftMs",
  tpot_ms: "tpotMs",
  e2el_ms: "e2eMs",
};
const PER_USER = "output_throughput_per_user";
const TARGET_WORDS = [
  "ttft",
  "tpot",
  "e2el",
  "time_to_first_token",
  "inter_token_latency",
  "request_latency",
];

/** Null where no request is judged. */
function goodputTargets(texts: readonly string[] | undefined): GoodputTargets | null {
  if (texts === undefined) return null;
  const targets: Record<keyof GoodputTargets, number | null> = { ttftMs: null, tpotMs: null, e2eMs: null };
  for (const text of texts.flatMap((part) => part.trim().split(/[\s,]+/))) {
    const [name, number] = text.split(":");
    const amount = number === undefined || number.trim() === "" ? Number.NaN : Number(number);
    const key = measureKey(name) ?? "";
    // aiperf's: at least so many tokens per second of each user are at most so many milliseconds for each.
    const [target, ms] = key === PER_USER ? (["tpotMs", 1000 / amount] as const) : [TARGETS[key], amount];
    if (target === undefined || !(ms >= 0))
      throw new InputError(
        "--goodput",
        text,
        `is no target; expected ttft:200, tpot:50 or e2el:5000 (ms)${target === undefined ? meantText(name, TARGET_WORDS) : ""}`,
      );
    targets[target] = ms;
  }
  return targets;
}

function serverUrl({ url: text, endpoint }: ReplayFlags): URL {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new InputError("--url", "", `is ${text}; expected an http or https URL like http://127.0.0.1:8000`);
  }
  const named = endpointOf(url);
  if (named !== null && named !== endpoint)
    throw new InputError("--url", "", `is of ${named}; say --endpoint ${named}, or give the base URL`);
  return url;
}

function basic({ username, password }: URL): string {
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `Basic ${Buffer.from(pair).toString("base64")}`;
}

/** The value itself is not repeated: it may be secret. */
function headerValue(source: string, value: string): string {
  if (!HEADER.test(`a:${value}`))
    throw new InputError(source, "", "holds what no header can carry; give it without line breaks");
  return value;
}
