import type { ApiRoute } from "../serving/request/api-routes.ts";
import type { ErrorAnswer } from "./errors.ts";

/** An error in the words that a route's clients know. */
export interface ErrorShape {
  /** As an answer of its own. */
  body(answer: ErrorAnswer, requestId: string): object;
  /** As the frame that ends a stream which broke. */
  lastFrame(answer: ErrorAnswer, requestId: string): string;
}

/** OpenAI's clients raise an error at a frame with `error` in it. */
const openai: ErrorShape = {
  body: ({ body }) => body,
  lastFrame: ({ body }) => `data: ${JSON.stringify(body)}\n\n`,
};

/** The responses route has events of its own; its clients raise an error only at `error` within. */
const responses: ErrorShape = {
  body: ({ body }) => body,
  lastFrame: ({ body: { error } }) => {
    const { message, code, param } = error;
    return `event: error\ndata: ${JSON.stringify({ type: "error", code, message, param, sequence_number: 0, error })}\n\n`;
  },
};

/** Anthropic's clients use the event's name and the type, which follows from the status. */
const anthropic: ErrorShape = {
  body: ({ status, body: { error } }, requestId) => ({
    type: "error",
    error: { ...error, type: anthropicType(status) },
    request_id: requestId,
  }),
  lastFrame: (answer, requestId) =>
    `event: error\ndata: ${JSON.stringify(anthropic.body(answer, requestId))}\n\n`,
};

export const ERROR_SHAPES: Readonly<Record<ApiRoute["errors"], ErrorShape>> = {
  openai,
  anthropic,
  responses,
};

/** For a request without a route, by its path. @param target the request's */
export function shapeAt(target: string): ErrorShape {
  return target.startsWith("/v1/messages") ? anthropic : openai;
}

/** docs.anthropic.com, "Errors"; what it does not list is the client's fault below 500 and the server's from there. */
const ANTHROPIC_TYPES: Readonly<Record<number, string>> = {
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  503: "overloaded_error",
};

function anthropicType(status: number): string {
  return ANTHROPIC_TYPES[status] ?? (status < 500 ? "invalid_request_error" : "api_error");
}
