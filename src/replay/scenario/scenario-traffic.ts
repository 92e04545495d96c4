import { Rng } from "../../lib/rng.ts";
import type { LoadScenario, LoadStream } from "../../model/load-scenario.ts";
import type { TraceRequest } from "../../model/traffic.ts";
import { arrivalsBy } from "../load/arrival-times.ts";
import { drawnRequests } from "../load/made-up-lengths.ts";
import { timeOnCurve } from "./rate-curve.ts";

/** Random stream beside the others of a replay. */
const STREAMS = 7;

/**
 * A scenario's streams as one trace, in order of time; each request's class is the name of its stream. The same seed has
 * the same requests, and a stream the same whatever others there are.
 */
export function* scenarioTraffic(
  { streams, durationMs }: Pick<LoadScenario, "streams" | "durationMs">,
  seed: number,
): Generator<TraceRequest, void> {
  const open = streams.flatMap((stream) => {
    const requests = streamRequests(stream, durationMs, seedOf(stream.name, seed));
    const { value } = requests.next();
    return value === undefined ? [] : [{ requests, next: value }];
  });
  while (open.length > 0) {
    const first = open.reduce((least, one) => (one.next.arrivalMs < least.next.arrivalMs ? one : least));
    yield first.next;
    const { value } = first.requests.next();
    if (value === undefined) open.splice(open.indexOf(first), 1);
    else first.next = value;
  }
}

function* streamRequests(
  stream: LoadStream,
  durationMs: number,
  seed: number,
): Generator<TraceRequest, undefined> {
  const { name, fromMs, tenant, priority } = stream;
  const lengths = drawnRequests(stream.input, stream.output, seed);
  const endMs = Math.min(stream.toMs, durationMs);
  for (const timeMs of startTimes(stream, seed)) {
    const arrivalMs = fromMs + timeMs;
    const { value } = lengths.next();
    if (arrivalMs >= endMs || value === undefined) return undefined;
    yield {
      ...value,
      arrivalMs,
      trafficClass: name,
      ...(tenant === null ? {} : { tenant }),
      ...(priority === null ? {} : { priority }),
    };
  }
  return undefined;
}

/** Since the stream began, milliseconds. */
function startTimes({ arrivals }: LoadStream, seed: number): Iterable<number> {
  if (arrivals.kind === "burst") return Array.from({ length: arrivals.requests }, () => 0);
  const { curve, burstiness } = arrivals;
  return arrivalsBy((count) => timeOnCurve(count, curve), burstiness, seed);
}

function seedOf(name: string, seed: number): number {
  return new Rng(seed, STREAMS, ...Array.from(name, (letter) => letter.codePointAt(0) ?? 0)).uint32();
}
