import type { LocalityReport } from "../serving/locality/locality-report.ts";

/** What came out, in a sentence or two. */
export function leadOf({ experts, comparison, times }: LocalityReport): string {
  const read = readText(experts, comparison);
  if (comparison === "shadow" || comparison === "none" || times === null) return read;
  const { difference, interval, ms } = times.tpot;
  if (difference === null || interval === null || ms.control === null)
    return `${read} Times cannot be compared yet.`;
  const part = (value: number) => `${((100 * value) / (ms.control?.mean ?? 1)).toFixed(1)} %`;
  const sure = interval.low > 0 || interval.high < 0 ? "" : " It may as well be chance.";
  return `${read} TPOT differs by ${part(difference)} (95 %: ${part(interval.low)} to ${part(interval.high)}).${sure}`;
}

function readText(experts: LocalityReport["experts"], comparison: LocalityReport["comparison"]): string {
  if (experts === null) return "Too few answers have named their experts yet.";
  const { saved, interval, batches } = experts;
  if (saved === null) return "All requests are in one arm: there is nothing to compare with.";
  const percent = (part: number) => `${(100 * part).toFixed(1)} %`;
  const within =
    interval === null
      ? ""
      : ` (95 %: ${percent(interval.low)} to ${percent(interval.high)}, ${batches} batches)`;
  const less = saved < 0 ? `${percent(-saved)} more` : `${percent(saved)} fewer`;
  if (comparison === "shadow") return `By experts, steps would have read ${less} of them${within}.`;
  if (comparison === "periods")
    return `Sent by experts, requests are in steps that read ${less} of them${within}.`;
  return `Each arm by itself, steps of requests that go by experts read ${less} of them${within}.`;
}

/** What a reader should not take from it. */
export function doubtsOf({ comparison, known, experts }: LocalityReport): readonly string[] {
  const always = [
    "This gateway counts what went through it. Others that share its store send by the same groups, and count for themselves.",
    "Times of steps are a model's. A step that waits for the exchange or for attention gains nothing by reading fewer experts; on many GPUs the fullest reads nearly all of its own either way.",
  ];
  const ofComparisons: Readonly<Record<LocalityReport["comparison"], readonly string[]>> = {
    shadow: [
      "Nothing was sent otherwise. What pools would have had in flight follows from what they had: longer or shorter steps, and prompts that another pool would not have had in its cache, are not in it.",
    ],
    sessions: [
      "Requests of both arms are decoded together, in the same steps of the same pools. So the difference of their times is less than what all requests together would gain: a request that is sent to its like is still among those that are not. Experts read are not diluted so: each arm is taken by itself, in steps of the same size.",
      "Sessions differ. Intervals are over parts of the sessions that were drawn by lot; a few heavy sessions make them wide, rightly.",
    ],
    periods: [
      "A whole period is one unit. Until there are some of each arm, intervals are wide, and what changes with the time of day may lie in them. The first quarter of a period is left out: what is in flight then was sent by the other arm.",
    ],
    none: [],
  };
  const unknown =
    known.requests > 0 && known.by.nothing / known.requests > HALF
      ? ["Of most requests nothing is known. They go as without, and dilute what the others gain."]
      : [];
  const few = experts !== null && experts.batches < FEW ? ["There are few batches yet."] : [];
  const placed =
    experts !== null && experts.fullestGpu.control === null
      ? ["Where the pools have their experts is not known: every GPU is taken to read as many."]
      : [];
  return [...ofComparisons[comparison], ...unknown, ...few, ...placed, ...always];
}

const HALF = 0.5;
const FEW = 10;
