import { errorText } from "./error-text.ts";
import { failedFinish, finishOf, finishText } from "./finish-reason.ts";
import { holds, type Json, object, parseObject } from "./json-object.ts";
import { type Usage, usageOf } from "./usage.ts";

/**
 * What a frame carries: generated text, a model's reasoning, part of a tool call; only the role; only the finish
 * reason; a delta with nothing in it; or no delta at all (usage, `[DONE]`).
 */
export type FrameKind = "text" | "reasoning" | "tool" | "role" | "finish" | "empty" | "none";

/** What one server-sent event of a streamed completion says. */
export interface Frame {
  readonly kind: FrameKind;
  /** What was generated, as text; undefined where it is none. */
  readonly text: string | undefined;
  /** How many tokens, where the frame lists them (vLLM's `return_token_ids`, `logprobs`). */
  readonly tokenIds: number | null;
  readonly usage: Usage | null;
  readonly finishReason: string | null;
  /** The server's words about it, where it was given up. */
  readonly finishText: string | undefined;
  /** The highest index of its choices; undefined where that is 0. */
  readonly lastChoice: number | undefined;
  /** The indexes of the choices that end with it; undefined where it is of one choice. */
  readonly ended: readonly number[] | undefined;
  /** The server's name for the answer. */
  readonly id: string | undefined;
  /** `[DONE]`. */
  readonly done: boolean;
  /** The server's text about an error; also what cannot be read. */
  readonly error: string | null;
}

const NOTHING: Frame = {
  kind: "none",
  text: undefined,
  tokenIds: null,
  usage: null,
  finishReason: null,
  finishText: undefined,
  lastChoice: undefined,
  ended: undefined,
  id: undefined,
  done: false,
  error: null,
};
const DONE: Frame = { ...NOTHING, done: true };
const DONE_WORD = /^\s*"?\[done\]"?\s*$/i;
const LONGEST_DONE = 32;
/** Events of other types that are no JSON are no part of an answer (`ping`). */
const ANSWERING: ReadonlySet<string> = new Set(["", "message", "error"]);

/** @param type the event's, "" where it has none */
export function readFrame(data: string, type = ""): Frame {
  if (data.length <= LONGEST_DONE && DONE_WORD.test(data)) return DONE;
  const body = parseObject(data);
  if (body === null) {
    if (!ANSWERING.has(type)) return NOTHING;
    return { ...NOTHING, error: type === "error" ? data : `no JSON object: ${data}` };
  }
  return frameOf(body, type);
}

/** The same of JSON that was read; an answer in one piece is one frame. */
export function frameOf(body: Json, type = ""): Frame {
  const choices = Array.isArray(body.choices) ? body.choices : [];
  const said = choices.length === 0 ? NOTHING : readChoices(choices);
  const usage = usageOf(body, object(choices[0]));
  const error = errorText(body, type) ?? said.error;
  const id = typeof body.id === "string" && body.id !== "" ? body.id : undefined;
  const { kind, text, tokenIds, finishReason, lastChoice, ended } = said;
  return {
    kind,
    text,
    tokenIds,
    usage,
    finishReason,
    finishText: said.finishText,
    lastChoice,
    ended,
    id,
    done: false,
    error,
  };
}

/** Several choices (`n`) may share a frame: it carries what any of them does. */
function readChoices(choices: readonly unknown[]): Frame {
  if (choices.length === 1) return readChoice(object(choices[0]), 0);
  const all = choices.map((choice, i) => readChoice(object(choice), i));
  const ids = all.map(({ tokenIds }) => tokenIds);
  const reasons = all.map(({ finishReason }) => finishReason).filter((reason) => reason !== null);
  const text = all.map((one) => one.text ?? "").join("");
  return {
    ...NOTHING,
    kind: KINDS.find((kind) => all.some((one) => one.kind === kind)) ?? "none",
    text: text === "" ? undefined : text,
    tokenIds: ids.reduce((sum, n) => (sum === null && n === null ? null : (sum ?? 0) + (n ?? 0)), null),
    finishReason: reasons.find((reason) => failedFinish(reason) !== null) ?? reasons[0] ?? null,
    finishText: all.find((one) => one.finishText !== undefined)?.finishText,
    lastChoice: Math.max(...all.map(({ lastChoice = 0 }) => lastChoice)),
    ended: all.flatMap(({ finishReason, lastChoice = 0 }) => (finishReason === null ? [] : [lastChoice])),
    error: all.find(({ error }) => error !== null)?.error ?? null,
  };
}

const KINDS: readonly FrameKind[] = ["text", "reasoning", "tool", "role", "finish", "empty"];

/** @param place among the frame's choices, which is its index where it names none */
function readChoice(choice: Json | null, place: number): Frame {
  if (choice === null) return NOTHING;
  // A completion's frames have `text` in place of a delta; some servers send a whole message in one frame.
  const delta = object(choice.delta) ?? object(choice.message);
  const kind = delta === null ? textKind(choice.text) : deltaKind(delta);
  const text = delta === null ? choice.text : textOf(delta);
  const finishReason = finishOf(choice.finish_reason);
  const index = Number.isSafeInteger(choice.index) ? (choice.index as number) : place;
  const error = object(choice.error);
  return {
    kind: kind === "empty" && finishReason !== null ? "finish" : kind,
    text: typeof text === "string" && text !== "" ? text : undefined,
    tokenIds: listed(choice.token_ids) ?? listedLogprobs(object(choice.logprobs)),
    usage: null,
    finishReason,
    finishText: finishReason === null ? undefined : finishText(choice.finish_reason),
    lastChoice: index > 0 ? index : undefined,
    ended: undefined,
    id: undefined,
    done: false,
    error: error === null ? null : errorText({ error }),
  };
}

function listed(tokens: unknown): number | null {
  return Array.isArray(tokens) ? tokens.length : null;
}

/** Of chat, and of plain completions. */
function listedLogprobs(logprobs: Json | null): number | null {
  return logprobs === null ? null : (listed(logprobs.content) ?? listed(logprobs.tokens));
}

function deltaKind(delta: Json): FrameKind {
  if (holds(delta.content) || holds(delta.refusal)) return "text";
  if (THOUGHTS.some((name) => holds(delta[name]))) return "reasoning";
  if (holds(delta.tool_calls) || holds(delta.function_call)) return "tool";
  if (holds(delta.audio)) return "text";
  return holds(delta.role) ? "role" : "empty";
}

/** How servers name a model's reasoning: SGLang and vLLM, vLLM since, OpenRouter, Anthropic behind a gateway. */
const THOUGHTS = ["reasoning_content", "reasoning", "reasoning_details", "thinking"];

function textKind(text: unknown): FrameKind {
  if (typeof text !== "string") return "none";
  return text === "" ? "empty" : "text";
}

/** What is generated, as far as it is text: a tool call is its name and its arguments. */
function textOf(delta: Json): string {
  const { content, refusal, tool_calls: calls, function_call: call } = delta;
  let text = wordsOf(content) + wordsOf(refusal);
  text += wordsOf(delta.reasoning_content ?? delta.reasoning ?? delta.thinking);
  if (call !== undefined) text += callText(call);
  if (Array.isArray(calls)) for (const one of calls) text += callText(object(one)?.function);
  return text;
}

function callText(call: unknown): string {
  const said = object(call);
  return said === null ? "" : wordsOf(said.name) + wordsOf(said.arguments);
}

/** Text, or a list of parts that have some. */
function wordsOf(value: unknown): string {
  if (typeof value === "string") return value;
  return Array.isArray(value) ? value.map((part) => wordsOf(object(part)?.text)).join("") : "";
}
