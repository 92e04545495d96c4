import { InputError } from "../../../src/lib/errors.ts";
import { Rng } from "../../../src/lib/rng.ts";
import type { BenchTable } from "../bench-table.ts";
import { type Chooser, choosersOf, measuredOf } from "./choosers.ts";
import type { MeasuredCandidates } from "./measured-candidates.ts";
import { type DrawnQuestion, type PointGroup, drawQuestions, groupsOf, questionOf } from "./questions.ts";
import { type Verdict, judge, summarize } from "./regret.ts";

const QUESTIONS = 60;

interface Judged {
  readonly group: PointGroup;
  readonly drawn: DrawnQuestion;
  readonly chooser: Chooser;
  readonly verdict: Verdict;
}

/** Picks among points that were measured, judged by what was measured. */
export function amongTable({ all, errors }: MeasuredCandidates, seed: number): BenchTable {
  const groups = groupsOf(all);
  if (groups.length === 0) {
    const hint = "has no two points of one model, GPU, engine, precision and lengths; give a table that has";
    throw new InputError("--measured", "", hint);
  }
  const judged = judgedPicks(groups, choosersOf(groups, errors, new Rng(seed, 31)), seed);
  const rows: (string | number | null)[][] = [];
  for (const [name, belongs] of parts(groups)) {
    const some = judged.filter(belongs);
    for (const { chooser, verdicts } of byChooser(some)) {
      const { questions, best, nearBest, missed, none, median, p90, missedBy } = summarize(verdicts);
      const percent = (part: number | null) => (part === null ? null : 100 * part);
      rows.push([
        name,
        chooser.name,
        chooser.tuned ? "measured" : "predicted",
        questions,
        ...[best, nearBest, median, p90, missed, missedBy, none].map(percent),
      ]);
    }
  }
  return {
    title: "Picks among measured points, judged by measurement",
    columns: [
      { name: "of" },
      { name: "chosen by" },
      { name: "its load is" },
      { name: "questions" },
      { name: "best, %" },
      { name: "within a tenth of it, %" },
      { name: "more GPUs, median %", digits: 1 },
      { name: "p90 %" },
      { name: "limit missed, %" },
      { name: "by, median %" },
      { name: "says none, %" },
    ],
    rows,
    notes: notesOf(groups, judged, errors),
    aims: [],
  };
}

/** A choice of the configuration alone is asked only where there are several. */
function judgedPicks(groups: readonly PointGroup[], choosers: readonly Chooser[], seed: number): Judged[] {
  return groups.flatMap((group, number) =>
    drawQuestions(new Rng(seed, 30, number), QUESTIONS).flatMap((drawn) => {
      const question = questionOf(group, drawn);
      const asked = { group, drawn, question };
      return choosers
        .filter(({ tuned }) => !tuned || group.configurations > 1)
        .map((chooser) => ({
          group,
          drawn,
          chooser,
          verdict: judge(chooser.pick(asked), group.candidates, question, measuredOf),
        }));
    }),
  );
}

function byChooser(judged: readonly Judged[]) {
  const by = new Map<Chooser, Verdict[]>();
  for (const { chooser, verdict } of judged) {
    const verdicts = by.get(chooser) ?? [];
    by.set(chooser, verdicts);
    verdicts.push(verdict);
  }
  return [...by].map(([chooser, verdicts]) => ({ chooser, verdicts }));
}

type Part = readonly [name: string, belongs: (one: Judged) => boolean];

function parts(groups: readonly PointGroup[]): Part[] {
  const names = (of: (group: PointGroup) => string) => [...new Set(groups.map(of))].sort();
  return [
    ["all", () => true],
    ["both limits", ({ drawn }) => drawn.ttft !== null],
    ["TPOT alone", ({ drawn }) => drawn.ttft === null],
    ...names(({ backend }) => backend).map((name): Part => [name, ({ group }) => group.backend === name]),
    ...names(({ model }) => model).map((name): Part => [name, ({ group }) => group.model === name]),
  ];
}

function notesOf(
  groups: readonly PointGroup[],
  judged: readonly Judged[],
  errors: MeasuredCandidates["errors"],
): string[] {
  const impossible = judged.filter(({ verdict }) => !verdict.possible);
  const first = impossible.filter(({ chooser }) => chooser === judged[0]?.chooser);
  const right = first.filter(({ verdict }) => !verdict.picked).length;
  const several = groups.filter(({ configurations }) => configurations > 1).length;
  const off = (of: keyof typeof errors) => `${(100 * (errors[of]?.median ?? 0)).toFixed(1)} %`;
  return [
    `${groups.length} groups of one model, type of GPU, engine, precision and lengths with two points or more, ${several} of them with several configurations; ${QUESTIONS} questions each.`,
    `Limits are drawn between what was measured in the group; one question in three has none on the first token, one in two a load to carry in whole engines.`,
    `Predicted by constants that have not seen the configuration: TPOT off by ${off("tpotMs")}, TTFT by ${off("ttftMs")}, throughput by ${off("outTokSGpu")} in the median; the margin is these.`,
    `Load "measured": the configuration is chosen, each of its loads then tried as measured.`,
    `Of ${first.length} other questions, whose limits no measured point keeps, prediction says so in ${right}.`,
  ];
}
