import { decimals } from "../lib/number-text.ts";
import type { BalancePolicyName } from "../model/balance-policy-name.ts";
import type { Comparison } from "../model/comparison.ts";
import type { LoadLines } from "../model/load-line.ts";

const NONE: BalancePolicyName = "none";
const EPLB: BalancePolicyName = "eplb";
const PLIMSOLL: BalancePolicyName = "plimsoll";

/**
 * What was gained, for how many moves, in one sentence: of what the pool carries at most where that was measured, else of
 * the time of full batches, else of the steps as they ran. Null where nothing was forwarded, or a policy is missing.
 */
export function gainText(lines: LoadLines | null, { asRun, fullBatches }: Comparison): string | null {
  const joined = fullBatches.steps > 0 ? fullBatches : asRun;
  const carried = (name: string): number | null =>
    lines === null
      ? (joined.policies.find((one) => one.name === name)?.tokensPerGpuSecond ?? null)
      : (lines.policies.find((one) => one.name === name)?.mostTokensPerSecond ?? null);
  const moved = (name: string) => asRun.policies.find((one) => one.name === name)?.movedSlots ?? null;
  const [none, eplb, plimsoll] = [NONE, EPLB, PLIMSOLL].map(carried);
  const [theirs, ours] = [EPLB, PLIMSOLL].map(moved);
  if (!none || eplb === null || plimsoll === null || theirs === null || ours === null) return null;
  const what = lines === null ? "forwards tokens" : "carries";
  const times = (value: number) => `${decimals(value / none, 2)} ×`;
  return (
    `Plimsoll ${what} ${times(plimsoll)} as ${lines === null ? "fast" : "much"} as the same GPUs without balancing ` +
    `(EPLB ${times(eplb)}), and moved ${decimals(ours, 0)} slots where EPLB moved ${decimals(theirs, 0)}.`
  );
}
