import { loadOfStep, stepsIn } from "../curve/curve-steps.ts";
import type { ReplayReport } from "../report/report.ts";
import { numberIn, textIn } from "../report/report-value.ts";
import type { Verdict } from "./compare-runs.ts";

/** What a curve says of the highest load that holds its targets: at least `held`, and below `lost`. */
export interface HighestLoad {
  readonly held: number;
  /** Null where every load that was tried held, or the client itself fell behind above. */
  readonly lost: number | null;
  /** The part of the requests that were good at each, and where it is with 95 % certainty. */
  readonly heldGood: GoodRate;
  readonly lostGood: GoodRate | null;
}

export interface GoodRate {
  readonly rate: number | null;
  readonly rate95: readonly [low: number, high: number] | null;
}

export interface ComparedHighest {
  readonly a: HighestLoad | null;
  readonly b: HighestLoad | null;
  /** b / a of what held; null where one is not known. */
  readonly ratio: number | null;
  /** What b / a can be, by what held and what was lost; null at an end that is not known. */
  readonly between: readonly [low: number | null, high: number | null];
  /** Of the second curve. */
  readonly verdict: Verdict;
}

/** Null where no load held, or none was judged. A search's own, else the highest step below the first that was lost. */
export function highestLoad(curve: ReplayReport): HighestLoad | null {
  const steps = stepsIn(curve).toSorted((a, b) => loadOfStep(a) - loadOfStep(b));
  const first = steps.find((step) => textIn(step, "verdict") !== "held");
  const searched = Object.hasOwn(curve, "max_load");
  const top = steps.findLast((step) => first === undefined || loadOfStep(step) < loadOfStep(first));
  const held = searched ? numberIn(curve, "max_load") : top === undefined ? null : loadOfStep(top);
  if (held === null) return null;
  const above = searched ? numberIn(curve, "max_load_below") : first === undefined ? null : loadOfStep(first);
  const at = (load: number): ReplayReport | undefined => steps.find((step) => loadOfStep(step) === load);
  const lost = above === null ? undefined : at(above);
  const isLost = lost !== undefined && textIn(lost, "verdict") === "lost";
  return {
    held,
    lost: isLost ? above : null,
    heldGood: goodRate(at(held)),
    lostGood: isLost ? goodRate(lost) : null,
  };
}

export function compareHighest(a: HighestLoad | null, b: HighestLoad | null): ComparedHighest {
  const between = [over(b?.held, a?.lost), over(b?.lost, a?.held)] as const;
  const [low, high] = between;
  const verdict =
    a === null || b === null
      ? "not measured"
      : low !== null && low >= 1
        ? "better"
        : high !== null && high <= 1
          ? "worse"
          : "no difference";
  return { a, b, ratio: over(b?.held, a?.held), between, verdict };
}

function over(b: number | null | undefined, a: number | null | undefined): number | null {
  return a === null || a === undefined || b === null || b === undefined ? null : b / a;
}

function goodRate(step: ReplayReport | undefined): GoodRate {
  if (step === undefined) return { rate: null, rate95: null };
  const rate95 = step["good_rate_95"];
  return {
    rate: numberIn(step, "goodput_rate"),
    rate95: Array.isArray(rate95) ? (rate95 as unknown as readonly [number, number]) : null,
  };
}
