import { type Json, object } from "./json-object.ts";

/** The server's own count of tokens; null where it gave none. */
export interface Usage {
  readonly promptTokens: number | null;
  readonly completionTokens: number | null;
  /** Of the prompt, by the server's prefix cache. */
  readonly cachedTokens: number | null;
  /** Of the completion, before the answer proper. */
  readonly reasoningTokens: number | null;
}

/** Of a frame, or of a whole answer; null where it has none. Groq and Moonshot have it in places of their own. */
export function usageOf(body: Json, choice: Json | null): Usage | null {
  const usage = object(body.usage) ?? object(choice?.usage) ?? object(object(body.x_groq)?.usage);
  return usage === null ? null : readUsage(usage);
}

function readUsage(usage: Json): Usage {
  return {
    promptTokens: count(usage.prompt_tokens) ?? count(usage.input_tokens),
    completionTokens: count(usage.completion_tokens) ?? count(usage.output_tokens),
    cachedTokens: cachedTokens(usage),
    reasoningTokens:
      count(object(usage.completion_tokens_details)?.reasoning_tokens) ??
      count(object(usage.output_tokens_details)?.reasoning_tokens) ??
      count(usage.reasoning_tokens),
  };
}

/** By OpenAI's name (vLLM, SGLang), its newer one, DeepSeek's, Anthropic's, Moonshot's and Mistral's. */
function cachedTokens(usage: Json): number | null {
  return (
    count(object(usage.prompt_tokens_details)?.cached_tokens) ??
    count(object(usage.input_tokens_details)?.cached_tokens) ??
    count(usage.prompt_cache_hit_tokens) ??
    count(usage.cache_read_input_tokens) ??
    count(usage.cached_tokens) ??
    count(usage.num_cached_tokens)
  );
}

/** What is known after another frame's usage: what that does not say stays. */
export function mergedUsage(before: Usage | null, now: Usage): Usage {
  if (before === null) return now;
  return {
    promptTokens: now.promptTokens ?? before.promptTokens,
    completionTokens: now.completionTokens ?? before.completionTokens,
    cachedTokens: now.cachedTokens ?? before.cachedTokens,
    reasoningTokens: now.reasoningTokens ?? before.reasoningTokens,
  };
}

function count(value: unknown): number | null {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : null;
}
