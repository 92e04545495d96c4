import { AccessDenied } from "../access/access-denied.ts";
import { InputError } from "../lib/errors.ts";
import { EngineUnreachable } from "../serving/engine.ts";
import {
  InvalidRequest,
  NoShardAvailable,
  Refused,
  UnknownModel,
  UnknownResponse,
} from "../serving/refusals.ts";

/** The one table of reasons: status, and the type OpenAI's clients know. docs/errors.md says what each means. */
export const REASONS = {
  invalid_request: [400, "invalid_request_error"],
  unauthorized: [401, "invalid_request_error"],
  invalid_api_key: [401, "invalid_request_error"],
  key_expired: [401, "invalid_request_error"],
  invalid_token: [401, "invalid_request_error"],
  not_permitted: [403, "invalid_request_error"],
  loopback_only: [403, "invalid_request_error"],
  other_origin: [403, "invalid_request_error"],
  no_such_rank: [400, "invalid_request_error"],
  model_not_found: [404, "invalid_request_error"],
  response_not_found: [404, "invalid_request_error"],
  pool_not_found: [404, "invalid_request_error"],
  route_not_found: [404, "invalid_request_error"],
  method_not_allowed: [405, "invalid_request_error"],
  epoch_not_kept: [404, "invalid_request_error"],
  decision_not_kept: [404, "invalid_request_error"],
  epoch_not_pending: [409, "invalid_request_error"],
  not_simulated: [409, "invalid_request_error"],
  slots_empty: [409, "invalid_request_error"],
  request_timeout: [408, "invalid_request_error"],
  body_too_large: [413, "invalid_request_error"],
  target_too_long: [414, "invalid_request_error"],
  unsupported_type: [415, "invalid_request_error"],
  unsupported_encoding: [415, "invalid_request_error"],
  expectation_failed: [417, "invalid_request_error"],
  rate_limited: [429, "rate_limit_error"],
  tenant_limit: [429, "rate_limit_error"],
  headers_too_large: [431, "invalid_request_error"],
  internal: [500, "server_error"],
  engine_failed: [502, "server_error"],
  engine_timeout: [504, "server_error"],
  engine_unreachable: [503, "server_error"],
  no_server: [503, "server_error"],
  not_in_subset: [503, "server_error"],
  not_ready: [503, "server_error"],
  circuit_open: [503, "server_error"],
  all_tried: [503, "server_error"],
  at_capacity: [503, "server_error"],
  queue_full: [503, "server_error"],
  queue_timeout: [503, "server_error"],
  overloaded: [503, "server_error"],
  no_epoch: [503, "server_error"],
  store_unreachable: [503, "server_error"],
  keys_unreachable: [503, "server_error"],
  primary_unreachable: [503, "server_error"],
  stopping: [503, "server_error"],
} as const satisfies Record<string, readonly [number, string]>;

export type Reason = keyof typeof REASONS;

/** The status for a reason. */
export function statusOf(reason: string): number {
  return Object.hasOwn(REASONS, reason) ? REASONS[reason as Reason][0] : REASONS.internal[0];
}

/** Those that a request for a pool's model may be refused for. */
export const REQUEST_REASONS = [
  "invalid_request",
  "no_such_rank",
  "model_not_found",
  "rate_limited",
  "tenant_limit",
  "internal",
  "engine_failed",
  "engine_timeout",
  "engine_unreachable",
  "no_server",
  "not_in_subset",
  "not_ready",
  "circuit_open",
  "all_tried",
  "at_capacity",
  "queue_full",
  "queue_timeout",
  "overloaded",
  "stopping",
] as const satisfies readonly Reason[];

/** Those that a request may be refused for before its pool is known. */
export const EARLY_REASONS = [
  "invalid_request",
  "invalid_api_key",
  "key_expired",
  "invalid_token",
  "not_permitted",
  "keys_unreachable",
  "model_not_found",
  "response_not_found",
  "route_not_found",
  "method_not_allowed",
  "request_timeout",
  "body_too_large",
  "target_too_long",
  "unsupported_type",
  "unsupported_encoding",
  "expectation_failed",
  "headers_too_large",
  "internal",
  "not_ready",
  "overloaded",
  "stopping",
] as const satisfies readonly Reason[];

/** What a client gets for an error: OpenAI's shape. */
export interface ErrorAnswer {
  readonly status: number;
  readonly retryAfterSeconds: number | null;
  readonly body: {
    readonly error: { message: string; type: string; param: string | null; code: Reason; reason: Reason };
  };
}

/** Of Fastify's own refusals, by their status; any other is of an invalid request. */
const FASTIFY: Readonly<Record<number, Reason>> = {
  404: "route_not_found",
  413: "body_too_large",
  414: "target_too_long",
  415: "unsupported_type",
};

/** When it may be better, in seconds, where nothing else says. */
const RETRY_AFTER: Partial<Record<Reason, number>> = { keys_unreachable: 10, rate_limited: 1 };

/** A longer message loses its middle: what it quotes of the request may be of any length. */
const LONGEST_MESSAGE = 300;
const KEPT_AT_START = 180;
const KEPT_AT_END = 100;
const LONGEST_TARGET = 200;

/** An error that only the HTTP side knows. */
export class HttpError extends Error {
  override readonly name = "HttpError";
  readonly reason: Reason;

  constructor(reason: Reason, message: string) {
    super(message);
    this.reason = reason;
  }
}

export function routeNotFound(method: string, target: string): HttpError {
  const shown = target.length > LONGEST_TARGET ? `${target.slice(0, LONGEST_TARGET)}…` : target;
  return new HttpError("route_not_found", `There is no route ${method} ${shown}.`);
}

/** The answer to any error; an unknown error's own text is not shown. */
export function errorAnswer(error: unknown): ErrorAnswer {
  if (error instanceof HttpError || error instanceof AccessDenied)
    return answer(error.reason, error.message, { retryAfterSeconds: RETRY_AFTER[error.reason] });
  if (error instanceof InvalidRequest)
    return answer("invalid_request", error.message, { param: error.field });
  if (error instanceof InputError) return answer("invalid_request", error.message);
  if (error instanceof UnknownModel) return answer("model_not_found", error.message, { param: "model" });
  if (error instanceof UnknownResponse)
    return answer("response_not_found", error.message, { param: error.field });
  if (error instanceof Refused) return answer(error.reason, error.message, error);
  if (error instanceof NoShardAvailable)
    return answer(error.reason === "no_such_model" ? "model_not_found" : error.reason, error.message, error);
  if (error instanceof EngineUnreachable) return answer(error.reason, error.forClients);
  if (isClientError(error)) return answer(FASTIFY[error.statusCode] ?? "invalid_request", error.message);
  return answer("internal", "The gateway failed; its log says why.");
}

function answer(
  reason: Reason,
  message: string,
  more: { readonly param?: string | null; readonly retryAfterSeconds?: number | undefined } = {},
): ErrorAnswer {
  const [status, type] = REASONS[reason];
  return {
    status,
    retryAfterSeconds: more.retryAfterSeconds ?? null,
    body: { error: { message: bounded(message), type, param: more.param ?? null, code: reason, reason } },
  };
}

function bounded(message: string): string {
  if (message.length <= LONGEST_MESSAGE) return message;
  return `${message.slice(0, KEPT_AT_START)} … ${message.slice(-KEPT_AT_END)}`;
}

/** Fastify's own refusals of a request carry the status they mean. */
function isClientError(error: unknown): error is Error & { statusCode: number } {
  if (!(error instanceof Error) || !("statusCode" in error)) return false;
  const { statusCode } = error;
  return typeof statusCode === "number" && statusCode >= 400 && statusCode < 500;
}
