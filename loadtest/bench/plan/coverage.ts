import { candidates } from "../../../src/planner/candidates.ts";
import { gpusOf } from "../../../src/planner/layout.ts";
import type { Parallelism, ServingPoint, Workers } from "../../../src/twin/calibration/serving-point.ts";
import { readQuestion } from "./plan-question.ts";

export interface Coverage {
  /** Whether engines of these shapes are among what `plan` tries. */
  readonly engines: boolean;
  /** Whether the whole is, as often as it takes: apart, one engine on each side in the measured proportion. */
  readonly whole: boolean;
}

/** Whether `plan` would try what was measured, had it enough GPUs. */
export async function coverageOf(
  point: Pick<ServingPoint, "model" | "gpu" | "precision" | "backend" | "prefill" | "decode">,
): Promise<Coverage> {
  const { problem } = await readQuestion(point, {
    rate: 1e-3,
    isl: 16,
    osl: 16,
    ttftP95: 1e6,
    itlP95: 1e6,
    maxGpus: 512,
  });
  const all = candidates(problem);
  const { prefill, decode } = point;
  const has = (shape: Parallelism) => all.some((one) => one.prefill === null && same(one.decode, shape));
  if (prefill === null) return { engines: has(decode), whole: has(decode) };
  const ratio = (gpusOf(prefill) * prefill.count) / (gpusOf(decode) * decode.count);
  const pairs = all.filter(
    (one) => one.prefill !== null && same(one.prefill, prefill) && same(one.decode, decode),
  );
  const inProportion = (one: (typeof all)[number]) =>
    one.prefill !== null && gpusOf(one.prefill) / gpusOf(one.decode) === ratio;
  return { engines: has(prefill) && has(decode), whole: pairs.some(inProportion) };
}

export function same(a: Parallelism | Workers, b: Parallelism | Workers): boolean {
  return a.tp === b.tp && a.dp === b.dp && a.ep === b.ep && a.moeTp === b.moeTp;
}
