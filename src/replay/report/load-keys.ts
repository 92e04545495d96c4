import type { LoadPlan } from "../load/load-plan.ts";
import type { TraceWindow } from "../load/trace-window.ts";
import type { Json } from "./json.ts";

const SECOND = 1000;
const NONE = { request_rate: null, burstiness: null, ramp: null, max_concurrency: null };

/** What a report says of its load: `request_rate`, `burstiness` and `max_concurrency` as `vllm bench serve` has them. */
export function loadKeys(plan: LoadPlan | undefined): Readonly<Record<string, Json>> {
  if (plan === undefined) return { load: "trace", ...NONE, warm_up: null };
  const { pace, bounds } = plan;
  const { requests, ms } = bounds.warmUp;
  return {
    load: pace.kind,
    ...NONE,
    ...paceKeys(plan),
    warm_up: requests > 0 ? { requests } : ms > 0 ? { seconds: ms / SECOND } : null,
  };
}

function paceKeys({ pace }: LoadPlan): Readonly<Record<string, Json>> {
  if (pace.kind === "trace") return {};
  if (pace.kind === "concurrency") return { max_concurrency: pace.streams };
  const { from, to, rampMs } = pace.course;
  // JSON has no infinity.
  const burstiness = Number.isFinite(pace.burstiness) ? pace.burstiness : "inf";
  if (rampMs === 0) return { request_rate: to, burstiness };
  return { request_rate: (from + to) / 2, burstiness, ramp: { from, to, seconds: rampMs / SECOND } };
}

/** Null for the whole trace. */
export function windowSeconds(window: TraceWindow | null): Json {
  if (window === null) return null;
  return {
    from: window.fromMs / SECOND,
    to: Number.isFinite(window.toMs) ? window.toMs / SECOND : null,
  };
}
