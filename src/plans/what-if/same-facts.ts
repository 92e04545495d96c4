import { countMovedSlots } from "../../core/migration/moves.ts";
import type { ExpertLoad } from "../../model/load.ts";
import type { Measured, NotMeasured } from "../../planner/right-sizing/measured.ts";
import type { PoolFacts } from "./pool-facts.ts";

/** Windows of the same traffic differ by as much. */
const TRAFFIC_DIFFERS = 0.15;
/** Fewer slots that hold other experts change little of the whole. */
const SLOTS_DIFFER = 0.05;
/** A twentieth of the tokens at other experts is less than one new placement undoes. */
const LOAD_DIFFERS = 0.05;

/** Whether what was answered of a pool still holds for it. */
export function sameFacts(before: PoolFacts, now: PoolFacts): boolean {
  return (
    before.model === now.model &&
    sameShape(before, now) &&
    samePlacement(before, now) &&
    sameTraffic(before.measured, now.measured) &&
    loadsDiffer(before.load, now.load) <= LOAD_DIFFERS
  );
}

function sameShape({ found: before }: PoolFacts, { found: now }: PoolFacts): boolean {
  const shape = ({ front: { deployment, servers, shards, control } }: PoolFacts["found"]) =>
    JSON.stringify([deployment, servers, shards.map(({ health }) => health.ready), control?.ranks]);
  return shape(before) === shape(now);
}

/** Shares follow the load, which is compared by itself. */
function samePlacement({ plan: before }: PoolFacts, { plan: now }: PoolFacts): boolean {
  if (before === null || now === null || before === now) return before === now;
  const { slots } = countMovedSlots(before.placement, now.placement);
  return slots <= SLOTS_DIFFER * now.placement.physicalToLogical.length;
}

function sameTraffic(before: Measured | NotMeasured, now: Measured | NotMeasured): boolean {
  if (typeof before === "string" || typeof now === "string") return before === now;
  return (
    near(before.rate, now.rate) &&
    near(before.promptMean, now.promptMean) &&
    near(before.answerMean, now.answerMean) &&
    near(before.ttftMs?.p50, now.ttftMs?.p50) &&
    near(before.itlMs?.mean, now.itlMs?.mean)
  );
}

function near(before: number | undefined, now: number | undefined): boolean {
  if (before === undefined || now === undefined) return before === now;
  return Math.abs(now - before) <= TRAFFIC_DIFFERS * Math.max(before, now);
}

/** The part of the tokens that are at other experts, 0..1, in the mean layer; 1 where one load alone is known. */
export function loadsDiffer(before: ExpertLoad | null, now: ExpertLoad | null): number {
  if (before === null || now === null) return before === now ? 0 : 1;
  const { layers, experts } = before;
  if (now.layers !== layers || now.experts !== experts) return 1;
  let sum = 0;
  for (let layer = 0; layer < layers; layer++) {
    const rows = [before, now].map(({ tokens }) => tokens.subarray(layer * experts, (layer + 1) * experts));
    const [all, allNow] = rows.map((row) => row.reduce((total, load) => total + load, 0) || 1);
    const apart = rows[0].reduce((total, load, i) => total + Math.abs(load / all - rows[1][i] / allNow), 0);
    sum += apart / 2;
  }
  return layers === 0 ? 0 : sum / layers;
}
