import { decimals } from "../lib/number-text.ts";
import type { BalancePolicyName } from "../model/balance-policy-name.ts";
import type { Comparison, Regime } from "../model/comparison.ts";
import type { LoadLines } from "../model/load-line.ts";
import type { SimulationChange } from "../model/simulation.ts";

const NONE: BalancePolicyName = "none";
const EPLB: BalancePolicyName = "eplb";
const PLIMSOLL: BalancePolicyName = "plimsoll";
/** Less than this part is nothing to a person who reads two decimals. */
const LEAST = 0.005;

/** What the policies come to, in that of none. */
interface Gains {
  readonly eplb: number;
  readonly plimsoll: number;
}

/**
 * What was gained, for how many moves, in one sentence: of what the pool carries at most where that was measured, else of
 * the time of full batches and of the steps as they ran. Null where nothing was forwarded, or a policy is missing.
 * @param changes made to the pool meanwhile: the figures are of all its GPUs
 */
export function gainText(
  lines: LoadLines | null,
  { asRun, fullBatches }: Comparison,
  changes: readonly SimulationChange[] = [],
): string | null {
  const carried =
    lines === null ? null : gainsOf((name) => of(lines.policies, name)?.mostTokensPerSecond ?? null);
  const ran = forwarded(asRun);
  const full = fullBatches.steps > 0 ? forwarded(fullBatches) : null;
  const said = lines === null ? (full ?? ran) : carried;
  const [theirs, ours] = [EPLB, PLIMSOLL].map((name) => of(asRun.policies, name)?.movedSlots ?? null);
  if (said === null || theirs === null || ours === null) return null;
  const joined = lines === null && full !== null && ran !== null && fullBatches !== asRun;
  const nothing = said.plimsoll < 1 + LEAST ? "Balancing gained nothing here: " : "";
  const what = lines === null ? "forwards tokens" : "carries";
  const when = joined ? "under full load Plimsoll" : "Plimsoll";
  const first = nothing === "" ? when.charAt(0).toUpperCase() + when.slice(1) : when;
  const than = `${times(said.plimsoll)} as ${lines === null ? "fast" : "much"} as the same GPUs without balancing (EPLB ${times(said.eplb)})`;
  const asTheyRan = joined ? `, in this run's steps ${times(ran.plimsoll)} (EPLB ${times(ran.eplb)})` : "";
  const moved = `moved ${decimals(ours, 0)} slots where EPLB moved ${decimals(theirs, 0)}`;
  const hurt = changes.some(({ kind }) => kind === "lose" || kind === "stop" || kind === "slow");
  const whole = hurt ? " These figures are of all GPUs in service." : "";
  return `${nothing}${first} ${what} ${than}${asTheyRan}, and ${moved}.${whole}`;
}

function of<P extends { readonly name: string }>(policies: readonly P[], name: string): P | undefined {
  return policies.find((one) => one.name === name);
}

function forwarded({ policies }: Regime): Gains | null {
  return gainsOf((name) => of(policies, name)?.tokensPerGpuSecond ?? null);
}

function gainsOf(figure: (name: string) => number | null): Gains | null {
  const [none, eplb, plimsoll] = [NONE, EPLB, PLIMSOLL].map(figure);
  return !none || eplb === null || plimsoll === null
    ? null
    : { eplb: eplb / none, plimsoll: plimsoll / none };
}

function times(value: number): string {
  return `${decimals(value, 2)} ×`;
}
