/** What is read of a response's headers. */
export interface ResponseFacts {
  readonly json: boolean;
  /** Plimsoll's; null where the server is another. */
  readonly shard: string | null;
  readonly epoch: number | null;
  readonly requestId: string | null;
  /** Milliseconds to wait before the request comes again; null where none are said. */
  readonly retryAfterMs: number | null;
  readonly location: string | null;
  /** What the body is compressed by; null where it is not. */
  readonly encoding: string | null;
}

const SECOND = 1000;

/**
 * @param raw  name and value in turn
 * @param date the wall clock, for `Retry-After` with a date
 */
export function readHeaders(raw: readonly Buffer[], date: number): ResponseFacts {
  const named = (name: string): string | null => {
    for (let i = 0; i < raw.length; i += 2) {
      if (raw[i].length === name.length && raw[i].toString("latin1").toLowerCase() === name)
        return raw[i + 1].toString("latin1");
    }
    return null;
  };
  const epoch = named("x-plimsoll-epoch");
  return {
    json: named("content-type")?.includes("json") ?? false,
    shard: named("x-plimsoll-shard"),
    epoch: epoch !== null && /^\d{1,15}$/.test(epoch) ? Number(epoch) : null,
    requestId: named("x-request-id"),
    retryAfterMs: milliseconds(named("retry-after-ms")) ?? retryAfter(named("retry-after"), date),
    location: named("location"),
    encoding: encodingOf(named("content-encoding")),
  };
}

/** OpenAI's own header beside `Retry-After`. */
function milliseconds(text: string | null): number | null {
  const ms = text === null || text.trim() === "" ? Number.NaN : Number(text);
  return Number.isFinite(ms) ? Math.max(0, ms) : null;
}

function encodingOf(text: string | null): string | null {
  const encoding = text?.trim().toLowerCase() ?? "";
  return encoding === "" || encoding === "identity" ? null : encoding;
}

/** Seconds, or a date. */
function retryAfter(text: string | null, date: number): number | null {
  if (text === null) return null;
  const seconds = Number(text);
  const ms = text.trim() === "" || Number.isNaN(seconds) ? Date.parse(text) - date : seconds * SECOND;
  return Number.isFinite(ms) ? Math.max(0, ms) : null;
}
