import { EarlyLoss } from "../../replay/curve/early-loss.ts";
import { findMax, type FoundMax } from "../../replay/curve/find-max.ts";
import { judged, type Step, stepPlan } from "../../replay/curve/step.ts";
import type { GoodputTargets } from "../../replay/measures/goodput.ts";
import type { CurveSettings } from "./curve-settings.ts";
import { stepLine } from "./curve-table.ts";
import type { ReplayFlags } from "./flags.ts";
import type { Player } from "./player.ts";
import { recordWriter, watched } from "./run.ts";
import type { RunFiles } from "./run-files.ts";

/** A curve that was played. */
export interface PlayedCurve {
  /** In the order in which they were played. */
  readonly steps: readonly Step[];
  readonly max: FoundMax | null;
  /** As `Run` has them. */
  readonly partial: string | null;
  readonly interrupted: boolean;
  /** A process that shared the load has died. */
  readonly faulty: boolean;
  readonly broken: Error | null;
}

/** Plays a step after the other; of one that is interrupted or broken nothing is said. */
export function playCurve(
  flags: ReplayFlags,
  curve: CurveSettings,
  goodput: GoodputTargets | null,
  { player, files }: { readonly player: Player; readonly files: RunFiles },
): Promise<PlayedCurve> {
  return watched(player, async (view, signal) => {
    const { setting, loads, findsMax, precision, attainment } = curve;
    const steps: Step[] = [];
    let broken: Error | null = null;
    const faults: string[] = [];
    const write = recordWriter(flags, files, view);
    const play = async (load: number): Promise<Step | null> => {
      const plan = stepPlan(load, setting);
      const loss = findsMax && goodput !== null ? new EarlyLoss(plan, goodput, attainment) : null;
      const lost = new AbortController();
      const played = await player.play(
        plan,
        (record, startedAt) => {
          write(record, startedAt, { step_load: load });
          if (loss?.add(record) === true) lost.abort();
        },
        AbortSignal.any([signal, lost.signal]),
      );
      ({ broken } = played);
      faults.push(...played.faults);
      if (signal.aborted || broken !== null || played.faults.length > 0) return null;
      const { outcome, startedAt } = played;
      const stoppedEarly = lost.signal.aborted;
      const verdict = judged(outcome, setting.kind, attainment, stoppedEarly);
      const step = { load, plan, outcome, ...verdict, stoppedEarly, startedAt, endedAt: Date.now() };
      steps.push(step);
      view.say(stepLine(setting.kind, step));
      return step;
    };
    const whole = setting.kind === "concurrency";
    const max = findsMax
      ? await findMax({ loads, precision, whole }, async (load) => (await play(load))?.verdict ?? null)
      : null;
    if (max === null) for (const load of loads) if ((await play(load)) === null) break;
    const why = broken === null ? null : "the trace cannot be read on";
    return {
      steps,
      max,
      partial: signal.aborted ? "interrupted" : faults.length > 0 ? faults.join("; ") : why,
      interrupted: signal.aborted,
      faulty: faults.length > 0,
      broken,
    };
  });
}
