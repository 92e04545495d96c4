import { z } from "zod";
import { readTime } from "../../lib/time-text.ts";
import { readLengthSpread } from "../../model/length-spread.ts";
import type { RatePoint } from "../../model/load-scenario.ts";
import { MOST_SLOWNESS } from "../../model/simulation.ts";

const SECOND = 1000;
/** A month, which timers and files can bear. */
const MOST_MS = 31 * 24 * 3600 * SECOND;
/** A request each microsecond. */
const MOST_RATE = 1e6;
const MOST_AT_ONCE = 1e6;

/** What a person writes becomes what `read` makes of it; null is refused in these words. */
function written<T>(read: (value: unknown) => T | null, expected: string) {
  return z.unknown().transform((value, context): T => {
    const made = read(value);
    if (made !== null) return made;
    context.addIssue({ code: "custom", message: expected, input: value });
    return z.NEVER;
  });
}

const time = written(timeOf, "expected a time like 30s, 500ms or 2m, or a number of seconds, up to 31 days");
const length = written(
  (value) => (typeof value === "number" || typeof value === "string" ? readLengthSpread(`${value}`) : null),
  "expected tokens like 1000, or with a spread in 0..1 like 1000:0.2",
);
const rate = written(
  curveOf,
  "expected requests a second like 4, times with rates like [[0s, 1], [30s, 8]], or {over: 60s, points: [1, 8, 1]}",
);

function timeOf(value: unknown): number | null {
  const ms = typeof value === "number" ? value * SECOND : typeof value === "string" ? readTime(value) : null;
  return ms !== null && ms >= 0 && ms <= MOST_MS ? ms : null;
}

function curveOf(value: unknown): RatePoint[] | null {
  if (isRate(value)) return value > 0 ? [{ atMs: 0, rate: value }] : null;
  const points = Array.isArray(value) ? pairsOf(value) : evenPoints(value);
  if (points === null || points.length === 0 || points[0].atMs !== 0) return null;
  const ascends = points.every(({ atMs }, i) => i === 0 || atMs > points[i - 1].atMs);
  return ascends && points.some((point) => point.rate > 0) ? points : null;
}

function pairsOf(pairs: readonly unknown[]): RatePoint[] | null {
  const points: RatePoint[] = [];
  for (const pair of pairs) {
    if (!Array.isArray(pair) || pair.length !== 2) return null;
    const [atMs, perSecond] = [timeOf(pair[0]), pair[1] as unknown];
    if (atMs === null || !isRate(perSecond)) return null;
    points.push({ atMs, rate: perSecond });
  }
  return points;
}

/** The points stand evenly over the time. */
function evenPoints(value: unknown): RatePoint[] | null {
  if (typeof value !== "object" || value === null) return null;
  const { over, points, ...more } = value as Record<string, unknown>;
  const ms = timeOf(over);
  if (ms === null || !Array.isArray(points) || points.length < 2 || Object.keys(more).length > 0) return null;
  if (!points.every(isRate)) return null;
  return points.map((perSecond, i) => ({ atMs: (ms * i) / (points.length - 1), rate: perSecond }));
}

function isRate(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= MOST_RATE;
}

const stream = z.strictObject({
  rate: rate.optional(),
  burst: z.int().min(1).max(MOST_AT_ONCE).optional(),
  burstiness: z.number().positive().optional(),
  from: time.optional(),
  to: time.optional(),
  isl: length,
  osl: length,
  tenant: z.string().min(1).optional(),
  priority: z.int().optional(),
});

const rank = z.int().nonnegative();

const event = z.strictObject({
  at: time,
  pool: z.string().min(1).optional(),
  shift: z.literal(true).optional(),
  stop: rank.optional(),
  lose: rank.optional(),
  restore: rank.optional(),
  drain: rank.optional(),
  undrain: rank.optional(),
  slow: z.strictObject({ rank, factor: z.int().min(1).max(MOST_SLOWNESS) }).optional(),
  restart: z.strictObject({ ranks: z.array(rank).min(1), away: time }).optional(),
});

const selection = {
  from: time.optional(),
  to: time.optional(),
  tenant: z.string().min(1).optional(),
  stream: z.string().min(1).optional(),
  shard: z.string().min(1).optional(),
};

const threshold = z.preprocess(
  (value) => (typeof value === "string" ? { that: value } : value),
  z.strictObject({
    that: z.string().min(1),
    ...selection,
    against: z.strictObject(selection).optional(),
  }),
);

/** A scenario of a load test as it is written; docs/scenarios.md has a row for each key. */
export const scenarioSchema = z.strictObject({
  title: z.string().min(1),
  shows: z.string().min(1),
  duration: time,
  warmUp: time.optional(),
  gateway: z.record(z.string(), z.unknown()).optional(),
  load: z.record(z.string().min(1), stream),
  events: z.array(event).optional(),
  thresholds: z.array(threshold).optional(),
  goodput: z.string().min(1).optional(),
  retries: z.int().min(0).max(100).optional(),
});

export type WrittenScenario = z.output<typeof scenarioSchema>;
export type WrittenStream = z.output<typeof stream>;
export type WrittenEvent = z.output<typeof event>;
export type WrittenSelection = Partial<Pick<z.output<typeof threshold>, keyof typeof selection>>;
