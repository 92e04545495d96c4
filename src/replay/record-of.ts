import { noFrames } from "./answer/answer.ts";
import type { Exchanged } from "./exchange.ts";
import type { ScheduledRequest } from "./load.ts";
import { askedTokens } from "./request-body.ts";
import type { RequestRecord } from "./request-record.ts";
import type { Endpoint } from "./target.ts";

/** What of a record follows from the exchange itself; the rest is the replay's. */
type ExchangeRecord = Omit<RequestRecord, "delayMs" | "heldMs" | "clientLate">;

function gapsOf(times: readonly number[]): number[] {
  const gaps: number[] = [];
  for (let i = 1; i < times.length; i++) gaps.push(times[i] - times[i - 1]);
  return gaps;
}

/** @param since turns `performance.now()`'s into the replay's time */
export function recordOf(
  { index, startMs, request, warmUp = false }: ScheduledRequest,
  endpoint: Endpoint,
  requestId: string,
  exchanged: Exchanged,
  since: (at: number) => number,
): ExchangeRecord {
  const { answer, facts, sentAt, headersAt, endedAt } = exchanged;
  const tokenTimes = answer?.tokenTimes ?? [];
  const sinceOrNull = (at: number | null | undefined): number | null =>
    at === null || at === undefined ? null : since(at);
  const firstTokenMs = sinceOrNull(tokenTimes[0]);
  const lastTokenMs = sinceOrNull(tokenTimes.at(-1));
  const endedMs = since(endedAt);
  const lastPartMs = exchanged.failure === null ? sinceOrNull(answer?.lastPartAt) : null;
  return {
    index,
    request,
    requestId,
    scheduledMs: startMs,
    sentMs: sinceOrNull(sentAt),
    headersMs: sinceOrNull(headersAt),
    firstTokenMs,
    lastTokenMs,
    endedMs,
    attempts: exchanged.attempts,
    status: exchanged.status,
    failure: exchanged.failure,
    errorText: exchanged.errorText,
    finishReason: answer?.finishReason ?? null,
    // No prompt has none.
    inputTokens: answer?.usage?.promptTokens || request.inputTokens,
    cachedTokens: answer?.usage?.cachedTokens ?? null,
    askedTokens: askedTokens(endpoint, request),
    outputTokens: answer?.outputTokens ?? 0,
    reasoningTokens: answer?.usage?.reasoningTokens ?? null,
    tokensFrom: answer?.tokensFrom ?? "frames",
    frames: answer?.frames ?? noFrames(),
    ttftMs: firstTokenMs === null ? null : firstTokenMs - startMs,
    itlMs: gapsOf(tokenTimes),
    e2eMs: (lastTokenMs ?? lastPartMs ?? endedMs) - startMs,
    shard: answer?.takenOverBy ?? facts?.shard ?? null,
    epoch: facts?.epoch ?? null,
    serverRequestId: serverName(requestId, facts?.requestId ?? null, answer?.id ?? null),
    warmUp,
  };
}

/** The name that the server's own logs have; engines put theirs (`chatcmpl-…`) around ours, or choose another. */
function serverName(sent: string, header: string | null, id: string | null): string | null {
  if (header !== null && header !== sent) return header;
  return id === null || id.includes(sent) ? null : id;
}
