/** What the simulated engine reads of an OpenAI completion request. */
export interface CompletionRequest {
  readonly chat: boolean;
  readonly model: string;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  readonly inputTokens: number;
  /** Null when the client sets no limit. */
  readonly maxTokens: number | null;
}

/** A request this engine refuses, in a sentence for the client. */
export class BadRequest extends Error {
  override readonly name = "BadRequest";
  readonly param: string | null;

  constructor(message: string, param: string | null) {
    super(message);
    this.param = param;
  }
}

/** @throws BadRequest */
export function readCompletionRequest(chat: boolean, body: Uint8Array | null): CompletionRequest {
  const fields = parseObject(body);
  const { model, stream, stream_options: streamOptions, n } = fields;
  if (typeof model !== "string") throw new BadRequest("`model` must be a string.", "model");
  if (n !== undefined && n !== null && n !== 1) throw new BadRequest("Only `n` = 1 is simulated.", "n");
  const limit = fields["max_completion_tokens"] ?? fields["max_tokens"] ?? null;
  if (limit !== null && !(Number.isInteger(limit) && (limit as number) > 0)) {
    throw new BadRequest("`max_tokens` must be an integer of at least 1.", "max_tokens");
  }
  return {
    chat,
    model,
    stream: stream === true,
    includeUsage: isObject(streamOptions) && streamOptions["include_usage"] === true,
    inputTokens: Math.max(1, chat ? messageTokens(fields["messages"]) : promptTokens(fields["prompt"])),
    maxTokens: limit as number | null,
  };
}

function parseObject(body: Uint8Array | null): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(body ?? new Uint8Array()));
  } catch {
    throw new BadRequest("The body is not valid JSON.", null);
  }
  if (!isObject(value)) throw new BadRequest("The body must be a JSON object.", null);
  return value;
}

/** Tokens of a chat: the words of every message's text. */
function messageTokens(messages: unknown): number {
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new BadRequest("`messages` must be a list of at least one message.", "messages");
  }
  let tokens = 0;
  for (const message of messages) {
    if (!isObject(message)) throw new BadRequest("Every message must be an object.", "messages");
    const { content } = message;
    if (typeof content === "string") tokens += words(content);
    else if (Array.isArray(content)) {
      for (const part of content)
        if (isObject(part) && typeof part["text"] === "string") tokens += words(part["text"]);
    }
  }
  return tokens;
}

/** A prompt is text, or token ids, or a list with one of either. */
function promptTokens(prompt: unknown): number {
  if (typeof prompt === "string") return words(prompt);
  if (Array.isArray(prompt)) {
    if (prompt.every((id) => Number.isInteger(id))) return prompt.length;
    if (prompt.length === 1) return promptTokens(prompt[0]);
  }
  throw new BadRequest(
    "`prompt` must be a string, a list of token ids, or a list with one of either.",
    "prompt",
  );
}

/** The simulated tokenizer: a token is a run of characters between white space. */
function words(text: string): number {
  let count = 0;
  let inside = false;
  for (let i = 0; i < text.length; i++) {
    const space = text.charCodeAt(i) <= 32;
    if (!space && !inside) count++;
    inside = !space;
  }
  return count;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
