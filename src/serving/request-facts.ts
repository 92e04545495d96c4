import { InvalidRequest } from "./refusals.ts";

/** What the gateway needs to know of a request's body. */
export interface RequestFacts {
  readonly model: string;
  /** The body's size in tokens by rule of thumb, plus what the request may generate. */
  readonly tokens: number;
}

/** English text runs at about this many bytes per token (OpenAI's tokenizer guide says four characters). */
const BYTES_PER_TOKEN = 4;

/**
 * Parses an OpenAI request body, once.
 * @throws InvalidRequest
 */
export function requestFacts(body: Buffer): RequestFacts {
  let json: unknown;
  try {
    json = JSON.parse(body.toString("utf8"));
  } catch {
    throw new InvalidRequest("The body is not valid JSON.", null);
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new InvalidRequest("The body must be a JSON object.", null);
  }
  const fields = json as Record<string, unknown>;
  const model = fields["model"];
  if (typeof model !== "string" || model === "") {
    throw new InvalidRequest("`model` must be the name of a model; GET /v1/models lists them.", "model");
  }
  const prompt = Math.ceil(body.length / BYTES_PER_TOKEN);
  return {
    model,
    tokens: prompt + (count(fields["max_completion_tokens"]) ?? count(fields["max_tokens"]) ?? 0),
  };
}

function count(value: unknown): number | null {
  return typeof value === "number" && value >= 0 && Number.isFinite(value) ? value : null;
}
