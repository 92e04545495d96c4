import { Lateness } from "../client/lateness.ts";
import type { GoodputTargets } from "../measures/goodput.ts";
import { Measures } from "../measures/measures.ts";
import type { ReplayOutcome } from "../replay.ts";

/** Of a run of nothing: its report has every key there is. */
export function emptyOutcome(goodput: GoodputTargets | null): ReplayOutcome {
  const idle = new Lateness(
    1,
    () => 0,
    () => false,
  );
  return { ...new Measures(goodput).summary(1), client: idle.verdict() };
}
