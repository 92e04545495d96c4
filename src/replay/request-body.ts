import type { TraceRequest } from "../model/traffic.ts";
import type { Endpoint } from "./target.ts";

/** Whether answers are made as long as the trace has them, or end where the model ends them. */
export const LENGTHS = ["forced", "natural"] as const;
export type Lengths = (typeof LENGTHS)[number];

/** How requests are written. */
export interface BodyStyle {
  readonly endpoint: Endpoint;
  readonly model: string;
  readonly lengths: Lengths;
  /** Put over the body's own fields; null takes a field out. */
  readonly extra: Readonly<Record<string, unknown>>;
}

/** The output tokens that a request asks for. */
export function askedTokens(endpoint: Endpoint, request: TraceRequest): number {
  return endpoint === "embeddings" ? 0 : Math.max(1, request.outputTokens);
}

/** The JSON of one request. */
export function requestBody(
  { endpoint, model, lengths, extra }: BodyStyle,
  prompt: string,
  tokens: number,
): string {
  const own =
    endpoint === "embeddings"
      ? { model, input: prompt }
      : {
          model,
          ...(endpoint === "chat" ? { messages: [{ role: "user", content: prompt }] } : { prompt }),
          max_tokens: tokens,
          // vLLM, SGLang and TensorRT-LLM take both.
          ...(lengths === "forced" ? { ignore_eos: true, min_tokens: tokens } : {}),
          stream: true,
          stream_options: { include_usage: true },
        };
  const body: Record<string, unknown> = { ...own, ...extra };
  for (const [name, value] of Object.entries(extra)) if (value === null) delete body[name];
  return JSON.stringify(body);
}
