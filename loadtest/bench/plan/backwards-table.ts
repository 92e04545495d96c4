import { sayLayout, sayShape } from "../../../src/planner/layout.ts";
import type { BenchTable } from "../bench-table.ts";
import { type Answer, WAYS, type Way, askBackwards, askable, thinned } from "./backwards.ts";
import type { MeasuredPoint } from "./measured-candidates.ts";

interface Options {
  readonly seed: number;
  /** Every point, or one of each configuration. */
  readonly every: boolean;
  /** The first so many of these; all of them. */
  readonly most?: number | undefined;
  readonly progress: (line: string) => void;
}

/** `plan` asked for what was measured: how many GPUs it takes beside those that were measured. */
export async function backwardsTable(
  all: readonly MeasuredPoint[],
  { seed, every, progress, most }: Options,
): Promise<BenchTable> {
  const askables = askable(all);
  const points = (every ? askables : thinned(askables, seed)).slice(0, most);
  const answers: Answer[] = [];
  for (const way of WAYS) {
    for (const [i, of] of points.entries()) {
      progress(`backwards: ${way.name}, ${i + 1} of ${points.length}: ${of.row.id}`);
      const answer = await askBackwards(of, way, all, seed);
      answers.push(answer);
      progress(`  ${sayAnswer(answer)}`);
    }
  }
  const backends = [...new Set(points.map(({ point }) => point.backend))].sort();
  const models = [...new Set(points.map(({ point }) => point.model.name))].sort();
  const parts: [string, (answer: Answer) => boolean][] = [
    ["all", () => true],
    ...backends.map((name): (typeof parts)[number] => [name, ({ of }) => of.point.backend === name]),
    ...models.map((name): (typeof parts)[number] => [name, ({ of }) => of.point.model.name === name]),
  ];
  return {
    title: "Measured points asked backwards",
    columns: [
      { name: "asked" },
      { name: "of" },
      { name: "points" },
      { name: "found" },
      { name: "another as small" },
      { name: "smaller" },
      { name: "larger" },
      { name: "times, median", digits: 1 },
      { name: "none" },
      { name: "measured at that load" },
      { name: "and keep it" },
      { name: "twin: measured engine keeps it" },
    ],
    rows: parts.flatMap(([name, belongs]) =>
      WAYS.map((way) =>
        rowOf(
          way,
          name,
          answers.filter((one) => one.way === way && belongs(one)),
        ),
      ),
    ),
    notes: [
      every
        ? `Every measured point of prompts and answers together with answers of up to 2,048 tokens: ${points.length}.`
        : `One point of each engine with a model, precision and type of GPU, prompts and answers together, answers of up to 2,048 tokens, drawn: ${points.length} of ${askables.length}.`,
      "GPUs planned beside those measured, at the measured load, by the constants that ship, which have seen these points; nothing to spare, 64 GPUs at most; 60 requests in each run of the twin. As many users: a closed loop with lengths as measured, judged by means, up to the load line itself; independent requests: lengths from half to one and a half, a sixth below it.",
      "Measured at that load: plans whose layout was itself measured with a unit's load within a quarter; and of these, those that kept the limits there.",
    ],
    aims: [],
  };
}

function sayAnswer({ of, gpus, layout, found, keeps, own }: Answer): string {
  const { point } = of;
  const was = `${point.gpus} GPUs measured (${point.decode.count} of ${sayShape(point.decode)}, ${point.concurrency} in flight)`;
  const measured =
    keeps === null ? "" : keeps ? ", which was measured to keep it" : ", which was measured to miss it";
  const twin =
    own === null
      ? ""
      : `; measured engine in the twin: TTFT ${own.ttft.toFixed(2)}, TPOT ${own.tpot.toFixed(2)} of the limits`;
  if (layout === null) return `${was}, none planned${twin}`;
  const answer = found ? "found" : `${gpus} planned (${sayLayout(layout)})${measured}`;
  return `${was}, ${answer}${twin}`;
}

function rowOf({ name }: Way, of: string, answers: readonly Answer[]): (string | number | null)[] {
  const times = (one: Answer) => (one.gpus === null ? null : one.gpus / one.of.point.gpus);
  const count = (counts: (one: Answer) => boolean) => answers.filter(counts).length;
  const larger = answers.flatMap((one) => times(one) ?? []).filter((ratio) => ratio > 1);
  larger.sort((a, b) => a - b);
  return [
    name,
    of,
    answers.length,
    count(({ found }) => found),
    count((one) => times(one) === 1 && !one.found),
    count((one) => (times(one) ?? 1) < 1),
    larger.length,
    larger.length === 0 ? null : larger[Math.floor((larger.length - 1) / 2)],
    count(({ gpus }) => gpus === null),
    count(({ keeps }) => keeps !== null),
    count(({ keeps }) => keeps === true),
    count(({ own }) => own?.keeps === true),
  ];
}
