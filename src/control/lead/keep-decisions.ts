import { encodeChanges } from "../messages/stored-changes.ts";
import { encodeDecisions } from "../messages/stored-decisions.ts";
import type { DecisionLog } from "./decision-log.ts";
import type { PoolPublisher } from "./pool-publisher.ts";

/** Publishes what is new of decisions, where that is due. Rejects as the store does. */
export async function keepDecisions(
  publisher: PoolPublisher,
  decision: DecisionLog,
  nowMs: number,
): Promise<void> {
  // First: who is told of a decision may ask at once what it changed.
  const changed = decision.changes.take();
  if (changed !== null) await publisher.put("changes", encodeChanges(changed));
  if (decision.isDue(nowMs)) await publisher.put("decisions", encodeDecisions(decision.records));
}
