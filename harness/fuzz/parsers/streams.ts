import { isDeepStrictEqual } from "node:util";
import { FieldCutter } from "../../../src/engines/http/field-cutter.ts";
import { UnseenFrames } from "../../../src/engines/http/unseen-frames.ts";
import { WholeFrames } from "../../../src/http/whole-frames.ts";
import { EndlessLine } from "../../../src/replay/answer/event-stream.ts";
import { StreamedAnswer } from "../../../src/replay/answer/streamed-answer.ts";
import { WholeAnswer } from "../../../src/replay/answer/whole-answer.ts";
import type { AnswerReader } from "../../../src/replay/answer/answer.ts";
import { type FuzzedParser, ParserFault } from "../parser.ts";
import { pieces } from "./pieces.ts";

const text = (whole: string) => Buffer.from(whole);

const STREAMS = [
  text(
    '\ufeffdata: {"id":"a","choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n: 世\n\ndata: {"choices":[{"delta":{"content":"é 世"}}]}\r\n\r\ndata: {"choices":[{"index":1,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\ndata: [DONE]\n\n',
  ),
  text(
    'event: message_start\ndata: {"type":"message_start","message":{"id":"m","usage":{"input_tokens":3}}}\n\nevent: content_block_delta\ndata: {"type":"content_block_delta","delta":{"type":"text_delta","text":"a"}}\n\nevent: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"b"}}\n\n',
  ),
  text(
    'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"a"}\r\rdata: {"error":{"code":429,"message":"c"}}\r\rid: 7\rretry: 5\r\r',
  ),
  text(
    'data: {"choices":[{"text":"a","logprobs":{"tokens":["a"]}}],"sglext":{"routed_experts":"AAAA"}}\n\ndata: {"choices":[],"sglext":{"routed_experts":"AAAA"}}\n\n',
  ),
];
const ANSWERS = [
  text(
    '{"id":"a","choices":[{"message":{"content":"b"},"finish_reason":"stop"}],"usage":{"completion_tokens":1}}',
  ),
  text('{"object":"list","data":[{"embedding":[0.1,2]}],"usage":{"prompt_tokens":4}}'),
  text('{"content":[{"type":"text","text":"a"}],"stop_reason":"end_turn","usage":{"output_tokens":3}}'),
];
const CUT = [
  text(
    '{"a":1, "routed_experts" : "AAAA","b":[{"prompt_routed_experts":[[0]]}],"c":{"routed_experts":null}}',
  ),
  STREAMS[3],
];
const TOKENS = [
  "data:",
  "data: {",
  "event: ",
  "\n\n",
  "\r\n\r\n",
  "\r\r",
  "[DONE]",
  '"error"',
  '"content":"',
  '"usage"',
  ": ",
  '"sglext"',
];
const FIELDS = ['"routed_experts"', '"prompt_routed_experts"', '\\"', "routed_experts", '":', " \n\t"];

/** What passes by in answers, and what is read of them; each the same however it is cut. */
export const STREAM_PARSERS: readonly FuzzedParser[] = [
  { name: "relayed-frames", files: STREAMS, tokens: TOKENS, read: relayed },
  { name: "unseen-frames", files: STREAMS, tokens: TOKENS, read: (bytes) => alike(bytes, seen) },
  { name: "cut-fields", files: CUT, tokens: FIELDS, read: (bytes) => alike(bytes, withoutFields) },
  {
    name: "streamed-answer",
    files: STREAMS,
    tokens: TOKENS,
    refusals: [EndlessLine],
    read: (bytes) => alike(bytes, (parts) => answered(new StreamedAnswer(() => {}), parts)),
  },
  {
    name: "whole-answer",
    files: ANSWERS,
    tokens: TOKENS,
    read: (bytes) => alike(bytes, (parts) => answered(new WholeAnswer(), parts)),
  },
];

/** @throws Error when parts come to something else than the whole */
function alike<T>(bytes: Buffer, read: (parts: readonly Buffer[]) => T): T {
  const cut = read(pieces(bytes));
  const whole = read([bytes]);
  if (!isDeepStrictEqual(whole, cut))
    throw new ParserFault(`reads otherwise in parts: ${JSON.stringify(cut)}, not ${JSON.stringify(whole)}`);
  return whole;
}

/** What comes in goes out, byte by byte. */
function relayed(bytes: Buffer): Buffer {
  const frames = new WholeFrames();
  const out = pieces(bytes).map((piece) => frames.take(piece));
  const passed = Buffer.concat([...out, frames.rest()].filter((part) => part !== null));
  if (!passed.equals(bytes)) throw new ParserFault(`passes on ${JSON.stringify(passed.toString("latin1"))}`);
  return passed;
}

function seen(parts: readonly Buffer[]): string {
  const frames = new UnseenFrames();
  const out = parts.map((part) => frames.take(part));
  return Buffer.concat([...out, frames.end(null)]).toString("latin1");
}

function withoutFields(parts: readonly Buffer[]): readonly string[] {
  const fields: string[] = [];
  const cutter = new FieldCutter(
    "routed_experts",
    ["routed_experts", "prompt_routed_experts"],
    64,
    (name, value, whole) => fields.push(`${name} ${whole} ${value.toString("latin1")}`),
  );
  const out = parts.flatMap((part) => [...cutter.take(Buffer.from(part))]);
  const rest = cutter.end();
  return [Buffer.concat(rest === null ? out : [...out, rest]).toString("latin1"), ...fields];
}

function answered(reader: AnswerReader, parts: readonly Buffer[]): object {
  for (const part of parts) reader.push(part, 0);
  reader.end();
  const { frames, usage, outputTokens, tokensFrom, finishReason, id, takenOverBy, whole, failure } = reader;
  // Of lines that end in a carriage return alone the last may count as cut off.
  return {
    frames,
    usage,
    outputTokens,
    tokensFrom,
    finishReason,
    id,
    takenOverBy,
    whole,
    failed: failure !== null,
  };
}
