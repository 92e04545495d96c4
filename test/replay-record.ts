import { noFrames } from "../src/replay/answer/answer.ts";
import type { RequestRecord } from "../src/replay/request-record.ts";

/** A request that was answered with five tokens, ten milliseconds apart. */
export function replayRecord(changes: Partial<RequestRecord> = {}): RequestRecord {
  return {
    index: 0,
    request: { arrivalMs: 0, inputTokens: 100, outputTokens: 5 },
    requestId: "plimsoll-1-0",
    scheduledMs: 0,
    delayMs: 1,
    heldMs: 0,
    sentMs: 2,
    headersMs: 20,
    firstTokenMs: 50,
    lastTokenMs: 94,
    endedMs: 95,
    attempts: 1,
    status: 200,
    failure: null,
    errorText: null,
    finishReason: "length",
    inputTokens: 100,
    cachedTokens: null,
    askedTokens: 5,
    outputTokens: 5,
    reasoningTokens: null,
    tokensFrom: "usage",
    frames: { ...noFrames(), text: 5 },
    ttftMs: 50,
    itlMs: [10, 10, 10, 10],
    e2eMs: 94,
    shard: null,
    epoch: null,
    serverRequestId: null,
    clientLate: false,
    warmUp: false,
    ...changes,
  };
}
