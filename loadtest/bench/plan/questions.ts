import type { Rng } from "../../../src/lib/rng.ts";
import type { MeasuredCandidate } from "./measured-candidates.ts";
import type { Question } from "./regret.ts";

/** Points that were measured with the same model, precision and lengths, on the same GPUs and engine. */
export interface PointGroup {
  readonly name: string;
  readonly model: string;
  readonly backend: string;
  readonly candidates: readonly MeasuredCandidate[];
  readonly configurations: number;
}

/** A question in parts, which means the same in every group. */
export interface DrawnQuestion {
  /** Which of the measured times is the limit: 0.3 is above three of ten. Null: no limit on the first token. */
  readonly ttft: number | null;
  readonly tpot: number;
  /** From the least load that a point carries to what this many GPUs do; null where no load is given. */
  readonly load: number | null;
}

/** Below, next to nothing keeps both limits. */
const LEAST_PART = 0.1;
const MOST_GPUS = 64;

/** Groups of two points at least, by name. */
export function groupsOf(all: readonly MeasuredCandidate[]): PointGroup[] {
  const groups = new Map<string, MeasuredCandidate[]>();
  for (const one of all) {
    const { point } = one;
    const lengths = `${point.isl}+${point.osl}`;
    const mode = point.prefill === null ? "together" : "apart";
    const name = [point.model.name, point.gpu.name, point.backend, point.precision, mode, lengths].join(" ");
    groups.set(name, [...(groups.get(name) ?? []), one]);
  }
  return [...groups]
    .filter(([, candidates]) => candidates.length > 1)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, candidates]) => ({
      name,
      model: candidates[0].point.model.name,
      backend: candidates[0].point.backend,
      candidates,
      configurations: new Set(candidates.map(({ configuration }) => configuration)).size,
    }));
}

/** One in three without a limit on the first token, one in two with a load. */
export function drawQuestions(rng: Rng, count: number): DrawnQuestion[] {
  const limit = () => LEAST_PART + (1 - LEAST_PART) * rng.uniform();
  return Array.from({ length: count }, (_, i) => {
    const [ttft, tpot, load] = [limit(), limit(), rng.uniform()];
    return { ttft: i % 3 === 2 ? null : ttft, tpot, load: i % 2 === 1 ? load : null };
  });
}

export function questionOf({ candidates }: PointGroup, { ttft, tpot, load }: DrawnQuestion): Question {
  const of = (measure: "ttftMs" | "tpotMs" | "outTokSGpu") =>
    candidates.map(({ measured }) => measured[measure]).sort((a, b) => a - b);
  const totals = candidates.map(({ gpus, measured }) => gpus * measured.outTokSGpu);
  const [least, most] = [Math.min(...totals), MOST_GPUS * between(of("outTokSGpu"), 0.5)];
  return {
    ttftMs: ttft === null ? Number.POSITIVE_INFINITY : between(of("ttftMs"), ttft),
    tpotMs: between(of("tpotMs"), tpot),
    load: load === null ? null : least * Math.max(1, most / least) ** load,
  };
}

/** Between neighbours in logarithms, so that hardly any limit is a measured time itself. @param sorted ascending */
function between(sorted: readonly number[], part: number): number {
  const at = part * (sorted.length - 1);
  const low = Math.min(sorted.length - 2, Math.floor(at));
  return sorted[low] * (sorted[low + 1] / sorted[low]) ** (at - low);
}
