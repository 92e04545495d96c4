import type { RunEvent, WindowPoint } from "../twin/run/run-log.ts";
import type { JoinedSpan } from "./joined-steps.ts";
import { knownNumber } from "./known-number.ts";
import type { PolicyLog, PoolLog } from "./policy-log.ts";

/** Windows and share updates of a pool at most; more are thinned evenly. */
const MOST_POINTS = 5000;
const EVENT_THREAD = 1;
const STEP_THREAD = 2;

type TraceEvent = Readonly<Record<string, unknown>>;

/** Counter tracks of a pool. */
const COUNTERS: readonly (readonly [name: string, value: (point: WindowPoint) => number | null])[] = [
  ["balancedness", ({ balancedness }) => balancedness],
  ["requests running", ({ running }) => running],
  ["requests waiting", ({ waiting }) => waiting],
  ["KV use", ({ kvUse }) => kvUse],
  ["KV use, fullest rank", ({ kvUseMost }) => kvUseMost],
];

/**
 * Runs in Chrome's trace event format (JSON object form), which Perfetto and chrome://tracing open: a process for each
 * policy and pool, with its steps, events and counters. Yields the file's text in parts. Steps that were joined and
 * points that were left out are counted under `otherData`.
 */
export function* chromeTrace(logs: readonly PolicyLog[], title: string): Generator<string> {
  const thinned: Record<string, unknown> = {};
  yield '{"displayTimeUnit":"ms","traceEvents":[';
  let pid = 0;
  for (const log of logs) {
    for (const [name, pool] of log.pools) {
      const process = `${log.policy.title} · ${name}`;
      const events = log.events.filter((event) => event.pool === name);
      const before = pid++ === 0 ? "\n" : ",\n";
      yield before +
        [...poolEvents(pid, process, pool, events)].map((one) => JSON.stringify(one)).join(",\n");
      thinned[process] = leftOut(pool, events);
    }
  }
  yield `\n],"otherData":${JSON.stringify({ title, unit: "virtual time", thinned })}}\n`;
}

function* poolEvents(
  pid: number,
  process: string,
  { steps, windows }: PoolLog,
  events: readonly RunEvent[],
): Generator<TraceEvent> {
  yield { name: "process_name", ph: "M", pid, tid: 0, args: { name: process } };
  yield { name: "process_sort_index", ph: "M", pid, tid: 0, args: { sort_index: pid } };
  yield { name: "thread_name", ph: "M", pid, tid: EVENT_THREAD, args: { name: "events" } };
  yield { name: "thread_name", ph: "M", pid, tid: STEP_THREAD, args: { name: "forward passes" } };
  for (const span of steps.spans) yield stepEvent(pid, span);
  for (const event of everyNth(events, isRare)) {
    const { kind, atMs, text } = event;
    yield { name: kind, ph: "i", s: "p", pid, tid: EVENT_THREAD, ts: micros(atMs), args: { text } };
  }
  for (const point of everyNth(windows)) {
    for (const [name, read] of COUNTERS) {
      const value = knownNumber(read(point));
      if (value === null) continue;
      yield { name, ph: "C", pid, ts: micros(point.atMs), args: { value: Math.round(value * 1e4) / 1e4 } };
    }
  }
}

function stepEvent(pid: number, span: JoinedSpan): TraceEvent {
  const { startMs, endMs, steps, prefillTokens, decoding } = span;
  const name = prefillTokens === 0 ? "decode" : decoding === 0 ? "prefill" : "prefill and decode";
  const args = {
    steps,
    prefill_tokens: prefillTokens,
    // Of several steps, the mean.
    decoding: Math.round((decoding / steps) * 100) / 100,
    busy_ms: Math.round(span.busyMs * 1000) / 1000,
  };
  const [ts, end] = [micros(startMs), micros(endMs)];
  return { name, ph: "X", pid, tid: STEP_THREAD, ts, dur: micros((end - ts) / 1000), args };
}

function leftOut({ steps, windows }: PoolLog, events: readonly RunEvent[]) {
  return {
    steps_per_span: steps.stepsPerSpan,
    windows_left_out: windows.length - everyNth(windows).length,
    events_left_out: events.length - everyNth(events, isRare).length,
  };
}

/** New shares come by the thousand; all else is kept. */
function isRare({ kind }: RunEvent): boolean {
  return kind !== "shares";
}

/** At most MOST_POINTS, evenly, beside those that must stay. */
function everyNth<T>(all: readonly T[], stays: (one: T) => boolean = () => false): readonly T[] {
  const stride = Math.ceil(all.length / MOST_POINTS);
  return stride <= 1 ? all : all.filter((one, i) => i % stride === 0 || stays(one));
}

/** Whole nanoseconds, as microseconds. */
function micros(ms: number): number {
  return Math.round(ms * 1e6) / 1000;
}
