import { BLOCK_BYTES, blockHashes, hashText } from "../../routing/block-hashes.ts";
import { type ByteRange, scanBody } from "./scan-body.ts";

/** What the gateway knows of a request before it is routed. */
export interface RequestFacts {
  /** Null when the request names none. */
  readonly model: string | null;
  /** The response that the request is about; null where it is about none. */
  readonly responseId: string | null;
  readonly tenant: string;
  /** Higher first. */
  readonly priority: number;
  readonly inputTokens: number;
  /** The most tokens it may generate; null when it sets no limit. */
  readonly maxTokens: number | null;
  /** As in RoutableRequest. */
  readonly prefix: Uint32Array;
  /** As in RoutableRequest. */
  readonly affinityKey: number;
  /** The data-parallel rank that the client asks for; −1 for none. */
  readonly rank: number;
  /** Where further fields fit into the body. */
  readonly bodyEnd: number;
  readonly bodyEmpty: boolean;
}

/** The tenant of requests that do not say who asks. */
export const ANONYMOUS = "anonymous";

/** What the headers tell. */
export interface Origin {
  readonly tenant: string;
  readonly priority: number;
  readonly session: string | null;
  readonly rank: number;
}

/** English text runs at about this many bytes per token (OpenAI's tokenizer guide says four characters). */
const BYTES_PER_TOKEN = 4;
/** A picture in the prompt counts as so many tokens: some hundreds to two thousand in the models that take them. */
export const TOKENS_PER_MEDIUM = 1024;

export const BLOCK_TOKENS = BLOCK_BYTES / BYTES_PER_TOKEN;

/**
 * Reads a request, once, as far as routing needs.
 * @throws InvalidRequest
 */
export function requestFacts(body: Buffer, origin: Origin): RequestFacts {
  const { model, maxTokens, session, prompt, tools, media, mediaBytes, end, empty } = scanBody(body);
  const text = prompt.end - prompt.start - mediaBytes;
  const salt = hashText(model ?? "") ^ hashRange(body, tools);
  const affinity = origin.session ?? session ?? (origin.tenant === ANONYMOUS ? null : origin.tenant);
  return {
    model,
    responseId: null,
    tenant: origin.tenant,
    priority: origin.priority,
    inputTokens: Math.ceil(Math.max(0, text) / BYTES_PER_TOKEN) + media * TOKENS_PER_MEDIUM,
    maxTokens,
    prefix: blockHashes(body, prompt.start, prompt.end, salt),
    affinityKey: affinity === null ? 0 : hashText(affinity),
    rank: origin.rank,
    bodyEnd: end,
    bodyEmpty: empty,
  };
}

function hashRange(body: Buffer, { start, end }: ByteRange): number {
  return end === 0 ? 0 : hashText(body.toString("latin1", start, end));
}
