/** The server's own count of tokens; null where it gave none. */
export interface Usage {
  readonly promptTokens: number | null;
  readonly completionTokens: number | null;
  /** Of the prompt, by the server's prefix cache. */
  readonly cachedTokens: number | null;
  /** Of the completion, before the answer proper. */
  readonly reasoningTokens: number | null;
}

/**
 * What a frame carries: generated text, a model's reasoning, part of a tool call; only the role; only the finish
 * reason; a delta with nothing in it; or no delta at all (usage, `[DONE]`).
 */
export type FrameKind = "text" | "reasoning" | "tool" | "role" | "finish" | "empty" | "none";

/** What one server-sent event of a streamed completion says. */
export interface Frame {
  readonly kind: FrameKind;
  /** How many tokens, where the frame lists their ids (vLLM's `return_token_ids`). */
  readonly tokenIds: number | null;
  readonly usage: Usage | null;
  readonly finishReason: string | null;
  /** `[DONE]`. */
  readonly done: boolean;
  /** The server's text about an error; also what cannot be read. */
  readonly error: string | null;
}

type Json = Record<string, unknown>;

const NOTHING: Frame = {
  kind: "none",
  tokenIds: null,
  usage: null,
  finishReason: null,
  done: false,
  error: null,
};
const DONE: Frame = { ...NOTHING, done: true };

/** @param type the event's, "" where it has none */
export function readFrame(data: string, type = ""): Frame {
  if (data === "[DONE]" || data.trim() === "[DONE]") return DONE;
  const frame = parseObject(data);
  if (frame === null) return { ...NOTHING, error: `no JSON object: ${data}` };
  const error = errorText(frame, type);
  const choices = Array.isArray(frame.choices) ? frame.choices : [];
  const said = choices.length === 0 ? NOTHING : readChoices(choices);
  const usage = object(frame.usage);
  if (usage === null && error === null) return said;
  return { ...said, usage: usage === null ? null : readUsage(usage), error };
}

/** The server's text about an error in any JSON that it sends, or null. */
export function errorText(body: Json, type = ""): string | null {
  const { error } = body;
  if (typeof error === "string" && error !== "") return error;
  const inside = object(error);
  if (inside !== null) return messageOf(inside);
  if (body.object === "error" || body.type === "error" || type === "error") return messageOf(body);
  return error === true ? messageOf(body) : null;
}

function readUsage(usage: Json): Usage {
  return {
    promptTokens: count(usage.prompt_tokens),
    completionTokens: count(usage.completion_tokens),
    // DeepSeek's own API has the second name.
    cachedTokens:
      count(object(usage.prompt_tokens_details)?.cached_tokens) ?? count(usage.prompt_cache_hit_tokens),
    reasoningTokens:
      count(object(usage.completion_tokens_details)?.reasoning_tokens) ?? count(usage.reasoning_tokens),
  };
}

/** Several choices (`n`) may share a frame: it carries what any of them does. */
function readChoices(choices: readonly unknown[]): Frame {
  if (choices.length === 1) return readChoice(object(choices[0]));
  const all = choices.map((choice) => readChoice(object(choice)));
  const ids = all.map(({ tokenIds }) => tokenIds);
  return {
    ...NOTHING,
    kind: KINDS.find((kind) => all.some((one) => one.kind === kind)) ?? "none",
    tokenIds: ids.reduce((sum, n) => (sum === null && n === null ? null : (sum ?? 0) + (n ?? 0)), null),
    finishReason: all.find(({ finishReason }) => finishReason !== null)?.finishReason ?? null,
  };
}

const KINDS: readonly FrameKind[] = ["text", "reasoning", "tool", "role", "finish", "empty"];

function readChoice(choice: Json | null): Frame {
  if (choice === null) return NOTHING;
  const kind = kindOf(choice);
  const finishReason = finishOf(choice.finish_reason);
  return {
    ...NOTHING,
    kind: kind === "empty" && finishReason !== null ? "finish" : kind,
    tokenIds: Array.isArray(choice.token_ids) ? choice.token_ids.length : null,
    finishReason,
  };
}

function kindOf(choice: Json): FrameKind {
  // A completion's frames have `text` in place of a delta; some servers send a whole message in one frame.
  const delta = object(choice.delta) ?? object(choice.message);
  if (delta === null) return typeof choice.text === "string" ? textKind(choice.text) : "none";
  if (holds(delta.content) || holds(delta.refusal)) return "text";
  // vLLM and SGLang name a model's reasoning in these two ways.
  if (holds(delta.reasoning_content) || holds(delta.reasoning)) return "reasoning";
  if (holds(delta.tool_calls) || holds(delta.function_call)) return "tool";
  if (holds(delta.audio)) return "text";
  return holds(delta.role) ? "role" : "empty";
}

function textKind(text: string): FrameKind {
  return text === "" ? "empty" : "text";
}

/** SGLang has had finish reasons as objects with a `type`. */
function finishOf(reason: unknown): string | null {
  if (typeof reason === "string") return reason === "" ? null : reason;
  const type = object(reason)?.type;
  return typeof type === "string" ? type : null;
}

function messageOf(body: Json): string {
  const { message, detail } = body;
  if (typeof message === "string" && message !== "") return message;
  return typeof detail === "string" ? detail : JSON.stringify(body);
}

export function parseObject(text: string): Json | null {
  try {
    return object(JSON.parse(text));
  } catch {
    return null;
  }
}

function object(value: unknown): Json | null {
  return typeof value === "object" && value !== null ? (value as Json) : null;
}

function holds(value: unknown): boolean {
  if (value === undefined || value === null || value === "") return false;
  return !Array.isArray(value) || value.length > 0;
}

function count(value: unknown): number | null {
  return typeof value === "number" && value >= 0 ? value : null;
}
