import { decimals } from "../../lib/number-text.ts";
import type { Fidelity } from "../../model/fidelity.ts";
import type { ErrorOf, TimeErrors } from "../../twin/calibration/error-summary.ts";
import { FIDELITY_ERRORS } from "../fidelity-errors.ts";
import { tableHtml } from "./figure-table.ts";

/** What is known of errors, and of which run. */
export interface TrustFacts {
  readonly fidelity: Fidelity;
  /** Errors of predicted serving points, by what was left out together when the constants were fitted. */
  readonly unseen: Readonly<Record<string, TimeErrors>>;
}

const LEFT_OUT: Readonly<Record<string, string>> = {
  configuration: "configurations, a fifth at a time",
  system: "a type of GPU",
  backend: "a backend",
  model: "a model",
};

/** How far off figures of this run may be, from what was measured of the model behind it. */
export function trustHtml({ fidelity, unseen }: TrustFacts): string {
  const splits = Object.entries(unseen).filter(([name]) => LEFT_OUT[name] !== undefined);
  const points = splits[0]?.[1].tpotMs?.points ?? 0;
  const errors = tableHtml({
    caption: "Errors on points that the constants had not seen, median (90th percentile), %",
    columns: ["Left out together", "TPOT", "Throughput", "TTFT"],
    rows: splits.map(([name, { tpotMs, outTokSGpu, ttftMs }]) => ({
      header: LEFT_OUT[name],
      cells: [tpotMs, outTokSGpu, ttftMs].map(errorText),
    })),
  });
  return `<p>Nothing here was measured on GPUs: the times of steps are modelled. Differences between policies are more certain than the times themselves, for the same model stands behind all of them, and they met the same requests.</p>
<div class="panel"><h3>The error to expect</h3>
<p>How far <code>simulate --calibrate</code> is off, which predicts whole serving points, over ${decimals(points, 0)} measured points of real engines, each predicted without what is left out; the first row is for a model, a GPU and a backend that are known. Median, and in brackets the 90th percentile, in percent. A run works out its steps one by one, from published times of kernels, and its queues from the traffic: take these errors as the least to expect.</p>
${errors}</div>
<div class="panel"><h3>What <code>fidelity: ${fidelity}</code> adds</h3>
${fidelityHtml(fidelity)}</div>`;
}

function fidelityHtml(fidelity: Fidelity): string {
  if (fidelity === "exact") return "<p>Nothing: every token of every layer was dispatched.</p>";
  const table = tableHtml({
    caption: `Differences of ${fidelity} passes from exact ones, %`,
    columns: ["", "Median", "Most"],
    rows: Object.entries(FIDELITY_ERRORS[fidelity]).map(([header, { median, most }]) => ({
      header,
      cells: [median, most].map((part) => decimals(part * 100, 1)),
    })),
  });
  const way =
    fidelity === "sampled"
      ? "some tokens in some layers stand for all"
      : "expert counts are drawn from the expected load";
  return `<p>Beside passes in which every token of every layer is dispatched, for ${way}; percent.</p>${table}`;
}

function errorText(error: ErrorOf | null): string {
  return error === null ? "–" : `${decimals(error.median * 100, 1)} (${decimals(error.p90 * 100, 0)})`;
}
