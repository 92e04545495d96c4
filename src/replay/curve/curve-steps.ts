import type { Json } from "../report/json.ts";
import type { ReplayReport } from "../report/report.ts";
import { numberIn, textIn } from "../report/report-value.ts";
import type { RequestFigures } from "../report/request-figures.ts";

/** Stamps of a step's beginning are cut to whole milliseconds, in its report and in its requests. */
const CUT_MS = 2;

/** The steps of a load curve, in the order in which they were played; empty where a report has none. */
export function stepsIn({ steps }: ReplayReport): readonly ReplayReport[] {
  if (!Array.isArray(steps)) return [];
  return (steps as readonly Json[]).filter(
    (step) => typeof step === "object" && step !== null,
  ) as ReplayReport[];
}

/** What a step's load is: requests per second, or in flight. */
export function loadOfStep(step: ReplayReport): number {
  return numberIn(step, "step_load") ?? 0;
}

/** Says of which step a request is. A load may have several steps: each has a beginning of its own. */
export class CurveSteps {
  readonly #steps: readonly { readonly load: number; readonly beganAt: number }[];
  /** Of the last request: most have that of the one before. */
  #last = 0;

  /** @param steps as a curve's report has them */
  constructor(steps: readonly ReplayReport[]) {
    this.#steps = steps.map((step) => ({
      load: loadOfStep(step),
      beganAt: Date.parse(textIn(step, "started_at")),
    }));
  }

  /** Its place among the steps; −1 for a request of a step that was cut off. */
  placeOf(figures: RequestFigures): number {
    if (!this.#has(this.#last, figures))
      this.#last = this.#steps.findIndex((_, place) => this.#has(place, figures));
    return this.#last;
  }

  #has(place: number, { stepLoad, beganAt }: RequestFigures): boolean {
    const step = this.#steps[place];
    return step?.load === stepLoad && Math.abs(step.beganAt - beganAt) <= CUT_MS;
  }
}
