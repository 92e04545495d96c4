import { InputError } from "../../lib/errors.ts";
import type { CurveSetting } from "../../replay/curve/step.ts";
import type { GoodputTargets } from "../../replay/measures/goodput.ts";
import type { CurveFlags } from "./curve-flags.ts";
import type { LoadFlags } from "./load-flags.ts";

const STEP_MS = 30_000;
const SETTLE_MS = 5000;
const PRECISION = 0.05;
const ATTAINMENT = 0.95;

/** A curve as it is asked for. */
export interface CurveSettings {
  readonly setting: CurveSetting;
  readonly loads: readonly number[];
  readonly findsMax: boolean;
  readonly precision: number;
  readonly attainment: number;
}

/**
 * The curve that the flags say, checked; null where they say none.
 * @throws InputError where they do not go together
 */
export function readCurve(
  flags: CurveFlags & LoadFlags & { readonly seed: number },
  goodput: GoodputTargets | null,
): CurveSettings | null {
  const { sweep, findMax = false, step, settle, precision, attainment, requests, burstiness, seed } = flags;
  const ofCurves = {
    "--find-max": flags.findMax,
    "--step": step,
    "--settle": settle,
    "--precision": precision,
  };
  if (sweep === undefined) {
    const [alone] = given({ ...ofCurves, "--attainment": attainment });
    if (alone !== undefined)
      throw new InputError(alone, "", "is of a curve; give --sweep rate=1:16:x2 or the like too");
    return null;
  }
  const { rate, ramp, concurrency, duration, warmUp } = flags;
  const [other] = given({
    "--rate": rate,
    "--ramp": ramp,
    "--concurrency": concurrency,
    "--duration": duration,
    "--warm-up": warmUp,
    "--speed": flags.speed === 1 ? undefined : flags.speed,
  });
  if (other !== undefined)
    throw new InputError(
      other,
      "",
      "is of one load, and --sweep says many; give --step and --settle for their times",
    );
  if (step !== undefined && requests !== undefined)
    throw new InputError("--step", "", "does not go with --requests; give one of them");
  if (burstiness !== undefined && sweep.kind !== "rate")
    throw new InputError("--burstiness", "", "is of a rate; give --sweep rate=… too");
  const [unjudged] = given({
    "--find-max": flags.findMax,
    "--precision": precision,
    "--attainment": attainment,
  });
  if (goodput === null && unjudged !== undefined)
    throw new InputError(unjudged, "", "needs targets; give --goodput too, as ttft:200 tpot:50");
  if (step === 0) throw new InputError("--step", "", "is no time; give one above 0");
  return {
    setting: {
      kind: sweep.kind,
      burstiness: burstiness ?? 1,
      settleMs: settle ?? SETTLE_MS,
      stepMs: requests === undefined ? (step ?? STEP_MS) : Number.POSITIVE_INFINITY,
      requests: requests ?? Number.POSITIVE_INFINITY,
      seed,
    },
    loads: sweep.loads,
    findsMax: findMax,
    precision: precision ?? PRECISION,
    attainment: attainment ?? ATTAINMENT,
  };
}

function given(options: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(options)
    .filter(([, value]) => value !== undefined)
    .map(([name]) => name);
}
