import { InputError } from "../../lib/errors.ts";
import type { Bounds } from "../../replay/load/bounds.ts";
import type { LengthSpread } from "../../model/length-spread.ts";
import type { LoadPlan, Pace } from "../../replay/load/load-plan.ts";
import type { TraceWindow } from "../../replay/load/trace-window.ts";
import type { LoadFlags } from "./load-flags.ts";

const SECOND = 1000;

/** Where requests are from, as far as the load says. */
export interface RequestSetting {
  /** Null for a trace. */
  readonly lengths: { readonly input: LengthSpread; readonly output: LengthSpread } | null;
  readonly window: TraceWindow | null;
  /** Begins again when it is over. */
  readonly repeats: boolean;
  /** Nothing but the trace says when requests come. */
  readonly needsTimes: boolean;
}

export interface LoadSettings {
  readonly plan: LoadPlan;
  readonly requests: RequestSetting;
}

/**
 * The load that the flags say, checked.
 * @throws InputError where they do not go together
 */
export function readLoad(
  flags: LoadFlags & { readonly seed: number; readonly trace?: string },
): LoadSettings {
  const pace = paceOf(flags);
  const bounds = boundsOf(flags, pace);
  const ends = Number.isFinite(bounds.requests) || Number.isFinite(bounds.durationMs);
  const requests = readRequests(flags, { paced: pace.kind !== "trace", ends });
  return { plan: { pace, bounds, seed: flags.seed }, requests };
}

/**
 * Where a load's requests are from.
 * @param load whether it has times, or needs none, beside those of a trace; and an end
 */
export function readRequests(
  flags: LoadFlags & { readonly trace?: string },
  load: { readonly paced: boolean; readonly ends: boolean },
): RequestSetting {
  const { window = null } = flags;
  const lengths = lengthsOf(flags);
  if (lengths !== null && !load.paced)
    throw new InputError("--isl", "", "says no times; give --rate, --ramp, --concurrency or --sweep too");
  if (lengths !== null && !load.ends)
    throw new InputError("--isl", "", "says no end; give --requests or --duration too");
  if (lengths !== null && window !== null)
    throw new InputError("--window", "", "is of a trace's time, and --isl and --osl have none");
  return { lengths, window, repeats: load.paced && load.ends, needsTimes: !load.paced };
}

function paceOf({ speed, rate, burstiness, ramp, concurrency, warmUp }: LoadFlags): Pace {
  const given = Object.entries({ "--rate": rate, "--ramp": ramp, "--concurrency": concurrency })
    .filter(([, value]) => value !== undefined)
    .map(([name]) => name);
  if (given.length > 1) throw new InputError(given[0], "", `does not go with ${given[1]}; give one of them`);
  if (given.length === 1 && speed !== 1)
    throw new InputError(
      "--speed",
      "",
      `is of the trace's times, which ${given[0]} replaces; give one of them`,
    );
  if (burstiness !== undefined && rate === undefined && ramp === undefined)
    throw new InputError("--burstiness", "", "is of a rate; give --rate or --ramp too");
  if (concurrency !== undefined) return { kind: "concurrency", streams: concurrency };
  if (rate === undefined && ramp === undefined) return { kind: "trace", speed, lastMs: null };
  const { from, to, ms } = ramp ?? { from: rate ?? 0, to: rate ?? 0, ms: 0 };
  return {
    kind: "rate",
    course: { from, to, rampMs: ms, holdMs: holdMs(from, warmUp) },
    burstiness: burstiness ?? 1,
  };
}

/** A ramp begins where requests begin to count. */
function holdMs(
  from: number,
  { requests, ms }: NonNullable<LoadFlags["warmUp"]> = { requests: 0, ms: 0 },
): number {
  if (requests === 0) return ms;
  if (from === 0)
    throw new InputError("--warm-up", "", "never ends at a rate of 0; give a time, or a ramp from above 0");
  return (requests / from) * SECOND;
}

function boundsOf({ requests, duration, ramp, warmUp }: LoadFlags, pace: Pace): Bounds {
  const whole = ramp !== undefined && requests === undefined ? ramp.ms : Number.POSITIVE_INFINITY;
  const durationMs = duration === undefined ? whole : duration * SECOND;
  if (pace.kind === "rate" && pace.course.to === 0 && durationMs > pace.course.rampMs)
    throw new InputError(
      "--ramp",
      "",
      "ends at a rate of 0, after which nothing comes; give no more than its time",
    );
  return {
    warmUp: warmUp ?? { requests: 0, ms: 0 },
    requests: requests ?? Number.POSITIVE_INFINITY,
    durationMs,
  };
}

function lengthsOf({ isl, osl, trace }: LoadFlags & { readonly trace?: string }): RequestSetting["lengths"] {
  if (isl === undefined && osl === undefined) return null;
  if (isl === undefined || osl === undefined)
    throw new InputError(
      isl === undefined ? "--osl" : "--isl",
      "",
      `needs ${isl === undefined ? "--isl" : "--osl"} too`,
    );
  if (trace !== undefined)
    throw new InputError("--isl", "", "replaces a trace's lengths; give it or --trace");
  return { input: isl, output: osl };
}
