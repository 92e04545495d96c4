import CliTable from "cli-table3";
import type { Learning } from "../../twin/instances/assign-requests.ts";
import type { AssignmentFigures } from "../../twin/instances/judge-assignment.ts";

/** Parts of what least-load has that locality has less; negative where it has more. */
export interface Saved {
  readonly distinctExperts: number;
  readonly worstGpuExperts: number;
  readonly nodeHops: number;
  readonly stepMs: number | null;
}

export interface LocalityReport {
  readonly out: string;
  readonly instances: number;
  readonly batch: number;
  readonly signature: string;
  readonly learning: Learning;
  readonly requests: number;
  readonly model: string | null;
  readonly gpus: { readonly nodes: number; readonly gpusPerNode: number };
  readonly loadBand: number;
  readonly known: { readonly requests: number; readonly tokensPerRequest: number; readonly part: number };
  readonly policies: Readonly<Record<string, AssignmentFigures>>;
  readonly saved: Saved;
  readonly savedOther: Saved & { readonly learning: Learning };
}

export function savedBy(policies: Readonly<Record<string, AssignmentFigures>>, policy: string): Saved {
  const { "least-load": before, [policy]: after } = policies;
  const part = (was: number, is: number) => (was === 0 ? 0 : 1 - is / was);
  return {
    distinctExperts: part(before.distinctExperts, after.distinctExperts),
    worstGpuExperts: part(before.worstGpuExperts, after.worstGpuExperts),
    nodeHops: part(before.nodeHops, after.nodeHops),
    stepMs: before.stepMs === null || after.stepMs === null ? null : part(before.stepMs, after.stepMs),
  };
}

const LEARNED = {
  warm: "Warm: groups of alike requests were learned from the recording's own first halves before the first request was sent, as by a gateway in its stride.",
  cold: "Cold: nothing was known before the first request was sent.",
};

export function localityText(report: LocalityReport): string {
  const {
    out,
    instances,
    batch,
    signature,
    requests,
    model,
    gpus,
    loadBand,
    known,
    policies,
    saved,
    savedOther,
    learning,
  } = report;
  const table = new CliTable({
    head: [
      "policy",
      "tokens a step",
      "experts read",
      "worst GPU",
      "node hops",
      "step ms",
      "fullest / mean",
      "most ahead",
    ],
    style: { head: [], border: [] },
    colAligns: ["left", "right", "right", "right", "right", "right", "right", "right"],
  });
  for (const [name, figures] of Object.entries(policies)) {
    const { tokensPerStep, distinctExperts, worstGpuExperts, nodeHops, stepMs, maxToMeanLoad, mostAhead } =
      figures;
    table.push([
      name,
      tokensPerStep.toFixed(1),
      distinctExperts.toFixed(1),
      worstGpuExperts.toFixed(2),
      nodeHops.toFixed(2),
      stepMs === null ? "–" : stepMs.toFixed(2),
      maxToMeanLoad.toFixed(3),
      percent(mostAhead),
    ]);
  }
  const step = saved.stepMs === null ? "" : `, ${percent(saved.stepMs)} of the predicted step`;
  const beside = percent(savedOther.distinctExperts);
  const lines = [
    `${out}: ${requests} requests to ${instances} instances of ${gpus.nodes} x ${gpus.gpusPerNode} GPUs, ${batch} decoded at a time`,
    table.toString(),
    `Locality (${signature}, ${learning}) saves ${percent(saved.distinctExperts)} of the experts that a step reads in a layer${step}, beside least-load; ${savedOther.learning}, it saves ${beside}.`,
    LEARNED[learning],
    `Of ${percent(known.part)} of the requests something was known when they were sent: ${known.tokensPerRequest.toFixed(0)} tokens each.`,
  ];
  const most = policies.locality.maxToMeanLoad;
  if (most > 1 + loadBand) {
    lines.push(
      `The fullest instance has ${most.toFixed(3)} of the mean: the last requests are too long to divide within ${percent(loadBand)}.`,
    );
  }
  if (model === null)
    lines.push("The trace is of another shape than --model: steps are not timed; give its model.");
  return lines.join("\n");
}

function percent(part: number): string {
  return `${(100 * part).toFixed(1)} %`;
}
