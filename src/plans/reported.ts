import { isPlan } from "../planner/plan.ts";
import type { Answered } from "./answer.ts";
import { type Change, changes, reasons } from "./changes.ts";
import { noPlanText } from "./no-plan.ts";
import { planReport } from "./plan-report.ts";
import { type Question, flagsOf } from "./read-question.ts";
import { PLAN_FORMAT, type SavedPlan, comparable } from "./saved-plan.ts";

export interface AskedPlan {
  readonly question: Question;
  /** What it is compared with. */
  readonly saved: SavedPlan | null;
  /** It is the best so far, not of all layouts. */
  readonly stopped: boolean;
}

export interface Compared {
  readonly changes: readonly Change[];
  readonly why: readonly string[];
}

/** What a plan's file and a body hold, without the runs it stands on. */
export function reportOf({ result, problem, formerGpus }: Answered, { question, saved, stopped }: AskedPlan) {
  const head = { format: PLAN_FORMAT, asked: question, stopped };
  if (!isPlan(result)) {
    const why = stopped ? stoppedText(result.tried.length) : noPlanText(result, problem);
    const compared = saved === null ? null : { changes: changes(saved.answer, null), why: [why] };
    return { ...head, answer: null, why, compared };
  }
  const report = { ...head, ...planReport(result, problem, flagsOf(question)) };
  return { ...report, compared: saved === null ? null : compare(saved, comparable(report), formerGpus) };
}

function compare(
  { answer: before }: SavedPlan,
  after: ReturnType<typeof comparable>,
  formerGpus: number | null,
): Compared {
  const why = before === null ? [] : reasons(before, after, formerGpus);
  return { changes: changes(before, after), why };
}

function stoppedText(tried: number): string {
  return `stopped before any plan was confirmed; ${tried} layouts were refuted (--from the plan.json of --out goes on)`;
}
