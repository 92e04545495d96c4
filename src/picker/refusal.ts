import { ERROR_SHAPES, shapeAt } from "../http/error-shapes.ts";
import { type ErrorAnswer, statusOf } from "../http/errors.ts";
import type { PickOutcome } from "../serving/traffic/traffic-observer.ts";
import type { RequestHead } from "./request-head.ts";
import type { Immediate } from "./wire/processing-response.ts";

/**
 * What the protocol answers 429: a request that is dropped because there are too many. 503 says that no endpoint is ready.
 */
const DROPPED = new Set([
  "rate_limited",
  "tenant_limit",
  "queue_full",
  "queue_timeout",
  "overloaded",
  "at_capacity",
]);
const TOO_MANY_REQUESTS = 429;
const UNAVAILABLE = 503;
const FAILED = 500;

/** The status for a reason, as the protocol has it. */
export function pickStatus(reason: string): number {
  return DROPPED.has(reason) ? TOO_MANY_REQUESTS : statusOf(reason);
}

/** A request without an endpoint, by the reason that its client is given. */
export function outcomeOf(reason: string): PickOutcome {
  const status = pickStatus(reason);
  if (status === TOO_MANY_REQUESTS) return "refused";
  if (status === UNAVAILABLE) return "unavailable";
  return status < FAILED ? "client_error" : "failed";
}

/** The answer to a client in its API's own words. */
export function refusal(answer: ErrorAnswer, { route, target, requestId }: RequestHead): Immediate {
  const { reason } = answer.body.error;
  const status = pickStatus(reason);
  const shape = route === null ? shapeAt(target) : ERROR_SHAPES[route.errors];
  const headers = ["content-type", "application/json; charset=utf-8", "x-request-id", requestId];
  if (answer.retryAfterSeconds !== null) headers.push("retry-after", `${answer.retryAfterSeconds}`);
  const body = JSON.stringify(shape.body({ ...answer, status }, requestId));
  return { status, headers, body, details: `plimsoll_${reason}` };
}
