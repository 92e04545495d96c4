import { type SimulatedRequest, decodes, knownTokens } from "./pool-request.ts";
import type { PoolStep } from "./pool-step.ts";
import type { Rank } from "./rank.ts";
import type { AcceptedDrafts } from "./speculation.ts";
import type { StepWork } from "./step-work.ts";

interface StepOutcome extends Omit<PoolStep, "tokens" | "ms" | "preempted"> {
  readonly ended: readonly SimulatedRequest[];
}

/**
 * What the forward pass of a step comes to.
 * @param held requests that end keep their cache
 */
export function finishStep(
  { requests, counts, size }: StepWork,
  ranks: readonly Rank[],
  drafts: AcceptedDrafts | null,
  held: boolean,
): StepOutcome {
  const [made, started, ended]: [number[], number[], SimulatedRequest[]] = [[], [], []];
  let [prefillTokens, decoding] = [0, 0];
  for (let i = 0; i < size; i++) {
    const [request, count] = [requests[i], counts[i]];
    if (!request.started) {
      request.started = true;
      started.push(request.id);
    }
    let makes = 1;
    if (decodes(request)) {
      decoding++;
      if (drafts !== null) makes += drafts.draw(count - 1);
      makes = Math.min(makes, request.outputTokens - request.made);
      request.settled = request.computed + 1;
      request.computed += makes;
    } else {
      prefillTokens += count;
      request.computed += count;
      request.prompted = request.settled = request.computed;
      ranks[request.rank].offer(request, request.computed);
      if (request.computed < knownTokens(request)) continue;
    }
    request.drafting = true;
    request.made += makes;
    for (let token = 0; token < makes; token++) made.push(request.id);
    if (request.made < request.outputTokens) continue;
    request.over = true;
    ended.push(request);
  }
  for (let i = 0; i < ended.length; i++) {
    // Those of one rank follow one another.
    if (i === 0 || ended[i].rank !== ended[i - 1].rank) ranks[ended[i].rank].end(held);
  }
  return { made, finished: ended.map(({ id }) => id), started, prefillTokens, decoding, ended };
}
