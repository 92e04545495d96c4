import type { TraceRequest } from "../model/traffic.ts";
import type { ScheduledRequest } from "./load.ts";
import { promptMessages, promptText } from "./prompt.ts";
import type { PromptWords } from "./prompt-words.ts";
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

/** What prompts are made of. */
export interface PromptSource {
  readonly seed: number;
  readonly words: PromptWords;
}

/** The JSON of one request of a trace. */
export function requestBody(
  { endpoint, model, lengths, extra }: BodyStyle,
  { index, request }: ScheduledRequest,
  { seed, words }: PromptSource,
): string {
  const tokens = askedTokens(endpoint, request);
  const prompt = endpoint === "chat" ? "" : promptText(request, index, seed, words);
  const own =
    endpoint === "embeddings"
      ? { model, input: prompt }
      : {
          model,
          ...(endpoint === "chat" ? { messages: promptMessages(request, index, seed, words) } : { prompt }),
          max_tokens: tokens,
          // vLLM, SGLang and TensorRT-LLM take both.
          ...(lengths === "forced" ? { ignore_eos: true, min_tokens: tokens } : {}),
          ...(request.priority === undefined ? {} : { priority: request.priority }),
          stream: true,
          stream_options: { include_usage: true },
        };
  const body: Record<string, unknown> = { ...own, ...extra };
  for (const [name, value] of Object.entries(extra)) if (value === null) delete body[name];
  return JSON.stringify(body);
}

/** Headers of one request of a trace: its own name, and who asks, by the names that Plimsoll's defaults and examples have. */
export function requestHeaders(requestId: string, { session, tenant, trafficClass }: TraceRequest): string[] {
  const headers = ["x-request-id", requestId];
  if (session !== undefined) headers.push("x-session-id", headerText(session));
  if (tenant !== undefined) headers.push("x-tenant-id", headerText(tenant));
  if (trafficClass !== undefined) headers.push("x-traffic-class", headerText(trafficClass));
  return headers;
}

/** As it stands where a header can carry it. */
function headerText(text: string): string {
  return /^[\x21-\x7e]+( [\x21-\x7e]+)*$/.test(text) ? text : encodeURIComponent(text.toWellFormed());
}
