import { expect, test } from "vitest";
import { WholeFrames } from "../../src/http/whole-frames.ts";

const WORD = 'data: {"choices":[{"delta":{"content":"w"}}]}\n\n';
const DONE = "data: [DONE]\n\n";

function errorIn(...chunks: readonly string[]): number {
  const frames = new WholeFrames();
  for (const chunk of chunks) frames.take(Buffer.from(chunk));
  frames.rest();
  return frames.errorStatus;
}

test.each([
  [
    "vLLM's",
    'data: {"error": {"message": "m", "type": "InternalServerError", "param": null, "code": 500}}\n\n',
    500,
  ],
  ["vLLM's of a bad request", 'data: {"error": {"type": "BadRequestError", "code": 400}}\n\n', 400],
  ["SGLang's", 'data: {"error": {"object": "error", "message": "m", "code": 500}}\n\n', 500],
  ["SGLang's own route's", 'data: {"error": {"message": "m"}}\n\n', 500],
  ["without spaces", 'data:{"error":{"code":429}}\n\n', 429],
  ["OpenAI's", 'data: {"error":{"type":"invalid_request_error","code":"x"}}\n\n', 400],
  [
    "Anthropic's",
    'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"m"}}\n\n',
    500,
  ],
  [
    "Anthropic's of a bad request",
    'event: error\ndata: {"type":"error","error":{"type":"invalid_request_error"}}\n\n',
    400,
  ],
  ["the responses route's", 'event: response.failed\ndata: {"type":"response.failed"}\n\n', 500],
  ["one that is no JSON", 'data: {"error": nonsense\n\n', 500],
  ["one of nothing", 'data: {"error":null}\n\n', 500],
])("a frame with an error: %s", (_, frame, status) => {
  expect(errorIn(frame, DONE)).toBe(status);
  expect(errorIn(WORD, WORD + frame + DONE)).toBe(status);
  expect(errorIn(WORD, frame.slice(0, 12), frame.slice(12))).toBe(status);
  // With the other line ends, among others.
  expect(errorIn(WORD, (WORD + frame + DONE).replaceAll("\n", "\r\n"))).toBe(status);
  // The end of the stream may lack the empty line.
  expect(errorIn(WORD, frame.trimEnd())).toBe(status);
});

test.each([
  WORD,
  DONE,
  'data: {"errors":1}\n\n',
  'data: {"id":"x","error":null,"choices":[]}\n\n',
  'data: {"choices":[{"delta":{"content":"data: {\\"error\\": 1}"}}]}\n\n',
  ": error\n\n",
  "event: errors_none\ndata: 1\n\n".replace("error", "mirror"),
])("no error: %j", (frame) => {
  expect(errorIn(frame, WORD, frame)).toBe(0);
});
