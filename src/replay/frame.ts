/** The server's own count of a completion's tokens; null where it gave none. */
export interface Usage {
  readonly promptTokens: number | null;
  readonly completionTokens: number | null;
}

/** What one server-sent event of a streamed chat completion says. */
export interface Frame {
  /** It carries generated text (or reasoning, or part of a tool call). */
  readonly content: boolean;
  readonly usage: Usage | null;
  /** The completion has come to its end. */
  readonly final: boolean;
  /** It tells of an error, or cannot be read. */
  readonly failed: boolean;
}

/** Where servers put generated text; vLLM and SGLang name a model's reasoning in these two ways. */
const CONTENT_FIELDS = ["content", "reasoning_content", "reasoning", "tool_calls"];

/** Reads the data of one event: `[DONE]` or a `chat.completion.chunk`. */
export function readFrame(data: string): Frame {
  if (data === "[DONE]") return { content: false, usage: null, final: true, failed: false };
  const chunk = parseObject(data);
  const choice = object(Array.isArray(chunk?.choices) ? chunk.choices[0] : null);
  const delta = object(choice?.delta);
  const usage = object(chunk?.usage);
  return {
    content: delta !== null && CONTENT_FIELDS.some((field) => !isEmpty(delta[field])),
    usage: usage && {
      promptTokens: count(usage.prompt_tokens),
      completionTokens: count(usage.completion_tokens),
    },
    final: typeof choice?.finish_reason === "string",
    failed: chunk === null || object(chunk.error) !== null,
  };
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    return object(JSON.parse(text));
  } catch {
    return null;
  }
}

function object(value: unknown): Record<string, unknown> | null {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
}

function isEmpty(value: unknown): boolean {
  return (
    value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0)
  );
}

function count(value: unknown): number | null {
  return typeof value === "number" && value >= 0 ? value : null;
}
