import { gpusOf } from "../../planner/layout.ts";
import type { Plan } from "../../planner/plan.ts";
import type { PlanProblem } from "../../planner/plan-problem.ts";
import { escaped } from "../../report/html/escape.ts";

/** More GPUs are drawn smaller, and of still more only their units are. */
const SMALL_OVER = 96;
const MOST_DRAWN = 2048;

/** The units of a plan with their GPUs, those to spare hatched: HTML that wraps as there is room. */
export function unitPictureHtml(plan: Plan, { spare }: Pick<PlanProblem, "spare">): string {
  const { chosen, units } = plan;
  const { prefill, decode, type } = chosen.layout;
  const { nodeGpus } = type.gpu;
  const roles = prefill === null ? [] : [{ name: "prefill", says: "prompts", gpus: gpusOf(prefill) }];
  const pools = [
    ...roles,
    { name: "decode", says: prefill === null ? "prompts and answers" : "answers", gpus: gpusOf(decode) },
  ];
  const drawn = chosen.gpus <= MOST_DRAWN;
  const pool = ({ name, gpus }: (typeof pools)[number]) =>
    `<span class="gpus ${name}" style="--across:${Math.min(gpus, nodeGpus)}">${drawn ? "<i></i>".repeat(gpus) : `${gpus}`}</span>`;
  const inside = pools.map(pool).join("");
  const unit = (i: number) => `<div class="unit${i >= units - spare ? " spare" : ""}">${inside}</div>`;
  const said = pools.map(({ gpus, says }) => `${gpus} for ${says}`).join(" and ");
  const says = `${units} units, each with ${said} GPUs; ${spare} of the units to spare.`;
  const size = chosen.gpus > SMALL_OVER ? " small" : "";
  const rows = pools.some(({ gpus }) => gpus > nodeGpus) ? "; a row is a node" : "";
  const legend = [
    ...pools.map(({ name, says: words }) => swatch(name, words)),
    ...(spare > 0 ? [swatch("spare", "to spare")] : []),
  ];
  return `<figure class="chart">
<figcaption><strong>${escaped(`${chosen.gpus} ${type.gpu.name.toUpperCase()}`)}</strong> <span>${escaped(`each box is a unit${rows}`)}</span></figcaption>
<div class="units${size}" role="img" aria-label="${escaped(says)}">
${Array.from({ length: units }, (_, i) => unit(i)).join("")}
</div>
<ul class="legend">${legend.join("")}</ul>
</figure>`;
}

function swatch(kind: string, words: string): string {
  const box =
    kind === "spare"
      ? `<span class="unit spare"><span class="gpus decode"><i></i></span></span>`
      : `<span class="gpus ${kind}"><i></i></span>`;
  return `<li><span class="swatch" aria-hidden="true">${box}</span>${escaped(words)}</li>`;
}
