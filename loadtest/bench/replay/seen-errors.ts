import { Distribution, type DistributionSummary } from "../../../src/replay/measures/distribution.ts";
import type { AnswerTruth } from "../../../src/replay/self-test/timed-mock.ts";
import { gapsOf } from "./figures.ts";
import type { SeenRequest } from "./load-tool.ts";

/** How far single values are off, whatever the direction; milliseconds. */
export interface SeenErrors {
  readonly ttft: DistributionSummary | null;
  readonly itl: DistributionSummary | null;
  /** Answers of the mock that were not seen as it wrote them: not at all, or with another number of frames. */
  readonly otherwise: number;
}

/** What a tool saw of each request, held against what the mock wrote. */
export function seenErrors(seen: readonly SeenRequest[], answers: readonly AnswerTruth[]): SeenErrors {
  const byId = new Map(seen.map((request) => [request.requestId, request]));
  const [ttft, itl] = [new Distribution(), new Distribution()];
  let otherwise = 0;
  for (const { requestId, receivedMs, writtenMs } of answers) {
    const request = byId.get(requestId);
    if (request === undefined || request.gapsMs.length + 1 !== writtenMs.length) {
      otherwise++;
      continue;
    }
    ttft.record(Math.abs(request.ttftMs - (writtenMs[0] - receivedMs)));
    for (const [i, gap] of gapsOf(writtenMs).entries()) itl.record(Math.abs(request.gapsMs[i] - gap));
  }
  return { ttft: ttft.summary(), itl: itl.summary(), otherwise };
}
