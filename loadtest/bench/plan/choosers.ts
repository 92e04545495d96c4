import type { Rng } from "../../../src/lib/rng.ts";
import type { TimeErrors } from "../../../src/twin/calibration/error-summary.ts";
import type { ServingTimes, Workers } from "../../../src/twin/calibration/serving-point.ts";
import type { MeasuredCandidate } from "./measured-candidates.ts";
import { type DrawnQuestion, type PointGroup, questionOf } from "./questions.ts";
import { type Question, cheapest, overLimits } from "./regret.ts";

/** What a chooser sees of a question. */
export interface Asked {
  readonly group: PointGroup;
  readonly drawn: DrawnQuestion;
  readonly question: Question;
}

/** Picks a point: a configuration and its load; null where it says that none keeps the limits. */
export interface Chooser {
  readonly name: string;
  /** Whether it chooses the configuration alone, and its load is found by measuring it. */
  readonly tuned: boolean;
  pick(asked: Asked): MeasuredCandidate | null;
}

/** @param groups all of them: what is best elsewhere is taken from there */
export function choosersOf(groups: readonly PointGroup[], errors: TimeErrors, rng: Rng): readonly Chooser[] {
  const [ttft, tpot] = [1 + (errors.ttftMs?.median ?? 0), 1 + (errors.tpotMs?.median ?? 0)];
  const ours = ({ predicted }: MeasuredCandidate) => predicted;
  const careful = (one: MeasuredCandidate) => slower(one.predicted, ttft, tpot);
  const roofline = (one: MeasuredCandidate) => one.roofline;
  return [
    predicting("prediction", ours),
    predicting("prediction with a margin", careful),
    predicting("roofline", roofline),
    {
      name: "any point",
      tuned: false,
      pick: ({ group: { candidates } }) => candidates[rng.below(candidates.length)],
    },
    tuned("prediction", (asked) => predicting("", ours).pick(asked) ?? nearest(asked, ours)),
    tuned(
      "prediction with a margin",
      (asked) => predicting("", careful).pick(asked) ?? nearest(asked, careful),
    ),
    tuned("roofline", (asked) => predicting("", roofline).pick(asked) ?? nearest(asked, roofline)),
    tuned("most GPUs an engine", ({ group }) => largest(group)),
    tuned("best elsewhere", (asked) => bestElsewhere(asked, groups)),
    tuned("any configuration", ({ group: { candidates } }) => candidates[rng.below(candidates.length)]),
  ];
}

function predicting(name: string, timesOf: (one: MeasuredCandidate) => ServingTimes): Chooser {
  const servedOf = (one: MeasuredCandidate) => ({ gpus: one.gpus, times: timesOf(one) });
  return {
    name,
    tuned: false,
    pick: ({ group, question }) => cheapest(group.candidates, question, servedOf),
  };
}

/** Where none keeps the limits: that which is least beyond them. */
function nearest(
  { group: { candidates }, question }: Asked,
  timesOf: (one: MeasuredCandidate) => ServingTimes,
): MeasuredCandidate {
  const beyond = (one: MeasuredCandidate) => overLimits(timesOf(one), question);
  return candidates.reduce((least, other) => (beyond(other) < beyond(least) ? other : least));
}

/** Predicted limits are kept with a margin; what a GPU gives stays. */
function slower(times: ServingTimes, ttft: number, tpot: number): ServingTimes {
  return { ...times, ttftMs: times.ttftMs * ttft, tpotMs: times.tpotMs * tpot };
}

/** The configuration is the pick's; every load of it is measured, and the best that keeps the limits is taken. */
function tuned(name: string, pick: Chooser["pick"]): Chooser {
  return {
    name,
    tuned: true,
    pick(asked) {
      const configuration = pick(asked)?.configuration;
      const own = asked.group.candidates.filter((one) => one.configuration === configuration);
      return cheapest(own, asked.question, measuredOf);
    },
  };
}

export function measuredOf({ gpus, measured }: MeasuredCandidate) {
  return { gpus, times: measured };
}

function largest({ candidates }: PointGroup): MeasuredCandidate {
  return candidates.reduce((most, other) => (engineGpus(other) > engineGpus(most) ? other : most));
}

/** Of the engines that answer, then of all: the widest. */
function engineGpus({ point }: MeasuredCandidate): number {
  return point.decode.tp * point.decode.dp + point.gpus / 1e4;
}

/** The shape that is best for the most groups of other models or GPUs, of those that this group has. */
function bestElsewhere({ group, drawn }: Asked, groups: readonly PointGroup[]): MeasuredCandidate {
  const own = group.candidates[0].point;
  const votes = new Map<string, number>();
  for (const other of groups) {
    const { model, gpu, prefill } = other.candidates[0].point;
    const alike = model.name === own.model.name && gpu.name === own.gpu.name;
    if (alike || (prefill === null) !== (own.prefill === null) || other.configurations < 2) continue;
    const best = cheapest(other.candidates, questionOf(other, drawn), measuredOf);
    if (best !== null) votes.set(shapeOf(best), (votes.get(shapeOf(best)) ?? 0) + 1);
  }
  const votesFor = (one: MeasuredCandidate) => votes.get(shapeOf(one)) ?? 0;
  return group.candidates.reduce((most, other) => (votesFor(other) > votesFor(most) ? other : most));
}

function shapeOf({ point: { prefill, decode } }: MeasuredCandidate): string {
  const text = ({ tp, dp, ep, moeTp }: Workers) => [tp, dp, ep, moeTp].join("x");
  return `${prefill === null ? "" : text(prefill)} ${text(decode)}`;
}
