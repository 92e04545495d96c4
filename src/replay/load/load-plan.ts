import type { Load, ScheduledRequest } from "../load.ts";
import { openLoop } from "../open-loop.ts";
import { arrivalTimes, type RateCourse, timeOf } from "./arrival-times.ts";
import { type Bounds, bounded, countedTime } from "./bounds.ts";
import { closedLoop } from "./closed-loop.ts";
import { atTimes, byTraceClock } from "./paced.ts";
import type { NumberedRequest, RequestSource } from "./request-source.ts";
import { isOwn, ownPart, partOf, type Share } from "./share.ts";

/** What says when requests go. */
export type Pace =
  /** Their trace; `lastMs` is when its last one comes, null where that is not known. */
  | { readonly kind: "trace"; readonly speed: number; readonly lastMs: number | null }
  /** A rate, drawn with this burstiness. */
  | { readonly kind: "rate"; readonly course: RateCourse; readonly burstiness: number }
  /** The end of others: so many are in flight. */
  | { readonly kind: "concurrency"; readonly streams: number };

/** A load as data, which every process that plays a part of it understands alike. */
export interface LoadPlan {
  readonly pace: Pace;
  readonly bounds: Bounds;
  /** Of the times that are drawn. */
  readonly seed: number;
}

/** One process's part of a load. The parts together are the load, whatever their number. */
export function loadOf({ pace, bounds, seed }: LoadPlan, source: RequestSource, share: Share): Load {
  switch (pace.kind) {
    case "trace":
      return open(byTraceClock(source, pace.speed), bounds, share, lastStart(pace, bounds));
    case "rate": {
      const times = arrivalTimes(pace.course, pace.burstiness, seed);
      return open(atTimes(source, times), bounds, share, lastArrival(pace.course, bounds));
    }
    case "concurrency":
      return closedLoop(() => nextOwn(source, share), partOf(pace.streams, share), {
        warmUp: { ...bounds.warmUp, requests: partOf(bounds.warmUp.requests, share) },
        requests: partOf(bounds.requests, share),
        durationMs: bounds.durationMs,
      });
  }
}

function open(
  scheduled: AsyncIterable<ScheduledRequest>,
  bounds: Bounds,
  share: Share,
  endsAtMs: number,
): Load {
  return {
    ...openLoop(ownPart(bounded(scheduled, bounds), share), Number.isFinite(endsAtMs) ? endsAtMs : null),
    ...countedTime(bounds),
  };
}

async function nextOwn(source: RequestSource, share: Share): Promise<NumberedRequest | null> {
  for (let next = await source.next(); next !== null; next = await source.next())
    if (isOwn(next, share)) return next;
  return null;
}

function lastStart({ speed, lastMs }: { speed: number; lastMs: number | null }, bounds: Bounds): number {
  const { warmUp, durationMs } = bounds;
  return Math.min(warmUp.ms + durationMs, (lastMs ?? Number.POSITIVE_INFINITY) / speed);
}

/** On average, where their number bounds them. */
function lastArrival(course: RateCourse, { warmUp, requests, durationMs }: Bounds): number {
  const countsFromMs = Math.max(warmUp.ms, timeOf(warmUp.requests, course) ?? 0);
  const all = warmUp.requests + (course.from * warmUp.ms) / 1000 + requests;
  const allMs = Number.isFinite(all) ? timeOf(all, course) : null;
  return Math.min(countsFromMs + durationMs, allMs ?? Number.POSITIVE_INFINITY);
}
