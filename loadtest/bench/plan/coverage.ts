import { candidates } from "../../../src/planner/candidates.ts";
import { type Layout, gpusOf } from "../../../src/planner/layout.ts";
import type { Parallelism, ServingPoint } from "../../../src/twin/calibration/serving-point.ts";
import { readQuestion } from "./plan-question.ts";

type Shaped = Pick<ServingPoint, "model" | "gpu" | "precision" | "backend" | "prefill" | "decode">;

export interface Covered {
  /** Whether engines of these shapes are among what `plan` tries. */
  readonly engines: boolean;
  /** Whether the whole is: where prompts are apart, these shapes beside each other in the measured proportion of GPUs. */
  readonly whole: boolean;
}

/** Which measured configurations `plan` would try, had it enough GPUs. */
export class ShapeCoverage {
  readonly #tried = new Map<string, Promise<readonly Layout[]>>();

  async of(point: Shaped): Promise<Covered> {
    const all = await this.#triedFor(point);
    const { prefill, decode } = point;
    const has = (shape: Parallelism) => all.some((one) => one.prefill === null && same(one.decode, shape));
    if (prefill === null) return { engines: has(decode), whole: has(decode) };
    const ratio = (gpusOf(prefill) * prefill.count) / (gpusOf(decode) * decode.count);
    const whole = all.some(
      (one) =>
        one.prefill !== null &&
        same(one.prefill, prefill) &&
        same(one.decode, decode) &&
        gpusOf(one.prefill) / gpusOf(one.decode) === ratio,
    );
    return { engines: has(prefill) && has(decode), whole };
  }

  #triedFor(point: Shaped): Promise<readonly Layout[]> {
    const name = [point.model.name, point.gpu.name, point.precision, point.backend].join(" ");
    const known = this.#tried.get(name) ?? tried(point);
    this.#tried.set(name, known);
    return known;
  }
}

async function tried(point: Shaped): Promise<readonly Layout[]> {
  const asked = { rate: 1e-3, isl: 16, osl: 16, ttftP95: 1e6, itlP95: 1e6, maxGpus: 512 };
  const { problem } = await readQuestion(point, asked);
  return candidates(problem);
}

export function same(a: Parallelism, b: Parallelism): boolean {
  return a.tp === b.tp && a.dp === b.dp && a.ep === b.ep && a.moeTp === b.moeTp;
}
