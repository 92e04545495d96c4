import type { GoodputTargets } from "../measures/goodput.ts";
import { flag, list, nullOr, number, orElse, record, type Shape, text, whole } from "../../lib/shape.ts";

/** One request of a run, as `requests.jsonl` has it: milliseconds, those since the run began unless they say otherwise. */
export interface RequestFigures {
  readonly index: number;
  readonly requestId: string;
  /** When the run's clock began, milliseconds since 1970. */
  readonly beganAt: number;
  readonly scheduledMs: number;
  readonly sentMs: number | null;
  readonly headersMs: number | null;
  readonly endedMs: number;
  readonly status: number | null;
  /** Null: completed. */
  readonly error: string | null;
  readonly errorText: string | null;
  readonly inputTokens: number;
  readonly cachedTokens: number | null;
  readonly askedTokens: number;
  readonly outputTokens: number;
  readonly reasoningTokens: number | null;
  /** From the scheduled start, and from the send. */
  readonly ttftMs: number | null;
  readonly e2eMs: number;
  readonly sentTtftMs: number | null;
  readonly sentE2eMs: number | null;
  readonly itlMs: readonly number[];
  readonly session: string | null;
  /** From 1. */
  readonly turn: number | null;
  /** It counts nowhere. */
  readonly warmUp: boolean;
  /** Of a load curve, the load of the step that it is of; else null. */
  readonly stepLoad: number | null;
}

interface Line {
  readonly index: number;
  readonly request_id: string;
  readonly scheduled_at: string;
  readonly scheduled_ms: number;
  readonly sent_ms: number | null;
  readonly headers_ms: number | null;
  readonly ended_ms: number;
  readonly status: number | null;
  readonly error: string | null;
  readonly error_text: string | null;
  readonly input_len: number;
  readonly cached_tokens: number | null;
  readonly requested_output_len: number;
  readonly output_len: number;
  readonly reasoning_tokens: number | null;
  readonly ttft_ms: number | null;
  readonly e2el_ms: number;
  readonly ttft_from_send_ms: number | null;
  readonly e2el_from_send_ms: number | null;
  readonly itl_ms: readonly number[];
  readonly session: string | null;
  readonly turn: number | null;
  readonly warm_up: boolean;
  readonly step_load: number | null;
}

const ms = number();
const lineShape: Shape<Line> = record<Line>({
  index: whole(),
  request_id: text,
  scheduled_at: text,
  scheduled_ms: ms,
  sent_ms: nullOr(ms),
  headers_ms: nullOr(ms),
  ended_ms: ms,
  status: nullOr(whole()),
  error: nullOr(text),
  error_text: orElse(nullOr(text), null),
  input_len: whole(),
  cached_tokens: nullOr(whole()),
  requested_output_len: whole(),
  output_len: whole(),
  reasoning_tokens: orElse(nullOr(whole()), null),
  ttft_ms: nullOr(ms),
  e2el_ms: ms,
  ttft_from_send_ms: nullOr(ms),
  e2el_from_send_ms: nullOr(ms),
  itl_ms: list(ms),
  session: orElse(nullOr(text), null),
  turn: orElse(nullOr(whole()), null),
  warm_up: orElse(flag, false),
  step_load: orElse(nullOr(ms), null),
});

/** @throws Unreadable where it is no line of a run */
export function readRequestFigures(value: unknown): RequestFigures {
  const line = lineShape(value, "");
  return {
    index: line.index,
    requestId: line.request_id,
    // The stamp is cut to whole milliseconds.
    beganAt: Date.parse(line.scheduled_at) - Math.floor(line.scheduled_ms),
    scheduledMs: line.scheduled_ms,
    sentMs: line.sent_ms,
    headersMs: line.headers_ms,
    endedMs: line.ended_ms,
    status: line.status,
    error: line.error,
    errorText: line.error_text,
    inputTokens: line.input_len,
    cachedTokens: line.cached_tokens,
    askedTokens: line.requested_output_len,
    outputTokens: line.output_len,
    reasoningTokens: line.reasoning_tokens,
    ttftMs: line.ttft_ms,
    e2eMs: line.e2el_ms,
    sentTtftMs: line.ttft_from_send_ms,
    sentE2eMs: line.e2el_from_send_ms,
    itlMs: line.itl_ms,
    session: line.session,
    turn: line.turn,
    warmUp: line.warm_up,
    stepLoad: line.step_load,
  };
}

/** Per token after the first; null where there is none. */
export function figuresTpotMs({ ttftMs, e2eMs, outputTokens }: RequestFigures): number | null {
  return ttftMs === null || outputTokens < 2 ? null : (e2eMs - ttftMs) / (outputTokens - 1);
}

/** Whether a run counts it as good. */
export function isGoodFigures(figures: RequestFigures, { ttftMs, tpotMs, e2eMs }: GoodputTargets): boolean {
  return (
    figures.error === null &&
    (ttftMs === null || (figures.ttftMs !== null && figures.ttftMs <= ttftMs)) &&
    (tpotMs === null || (figuresTpotMs(figures) ?? 0) <= tpotMs) &&
    (e2eMs === null || figures.e2eMs <= e2eMs)
  );
}
