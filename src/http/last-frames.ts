import type { ErrorAnswer } from "./errors.ts";

/** The frame that ends a stream which broke, in the words of its route's clients. */
export type LastFrame = (answer: ErrorAnswer) => string;

/** OpenAI's clients raise an error at a frame with `error` in it. */
export const chatLastFrame: LastFrame = ({ body }) => `data: ${JSON.stringify(body)}\n\n`;

/** Anthropic's go by the event's name. */
export const messagesLastFrame: LastFrame = ({ body: { error } }) => {
  const said = { type: "error", error: { type: "api_error", message: error.message, reason: error.reason } };
  return `event: error\ndata: ${JSON.stringify(said)}\n\n`;
};

/** The responses route has events of its own; its clients raise an error only at `error` within. */
export const responsesLastFrame: LastFrame = ({ body: { error } }) => {
  const { message, code, param } = error;
  return `event: error\ndata: ${JSON.stringify({ type: "error", code, message, param, sequence_number: 0, error })}\n\n`;
};
