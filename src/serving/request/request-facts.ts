import type { FieldPlaces } from "../../lib/json-fields.ts";
import { BLOCK_BYTES, blockHashes, hashBytes, hashText } from "../../routing/block-hashes.ts";
import { InvalidRequest } from "../refusals.ts";
import { without } from "./cut-fields.ts";
import { type BodyFields, scanBody } from "./scan-body.ts";

/** What the gateway knows of a request before it is routed. */
export interface RequestFacts {
  /** Null when the request names none. */
  readonly model: string | null;
  readonly tenant: string;
  /** Higher first. */
  readonly priority: number;
  /** Estimated; 2^20 at most. */
  readonly inputTokens: number;
  /** The most tokens it may generate, 2^20 at most; null when it sets no limit. */
  readonly maxTokens: number | null;
  /** As in RoutableRequest. */
  readonly prefix: Uint32Array;
  /** As in RoutableRequest. */
  readonly affinityKey: number;
  /** The conversation, as a header or the body names it; null where neither does. */
  readonly session: string | null;
  /** The data-parallel rank that the client asks for; −1 for none. */
  readonly rank: number;
  /** The stored response that it is about, or goes on from; null for none. */
  readonly responseId: string | null;
  /** Whose the responses are that it may name, and its own that is stored; null where they are whoever's knows an id. */
  readonly owner: string | null;
  /** It asks for the experts that its tokens were routed to. */
  readonly routedExperts: boolean;
  /** The models that its client may ask for; null for all. */
  readonly models: ReadonlySet<string> | null;
  /** What engines are sent: without the fields that no client may set. Null where there is none. */
  readonly body: Buffer | null;
  /** Where the fields of `body` are; null where it is no JSON object. */
  readonly fields: FieldPlaces | null;
}

/** The tenant of requests that do not say who asks. */
export const ANONYMOUS = "anonymous";

/** What the headers tell. */
export interface Origin {
  readonly tenant: string;
  readonly priority: number;
  readonly session: string | null;
  readonly rank: number;
  /** The models that the client may ask for; null for all. */
  readonly models: ReadonlySet<string> | null;
  /** Its tenant, where clients have to show who they are; else null. */
  readonly owner: string | null;
}

/** English text runs at about this many bytes per token (OpenAI's tokenizer guide says four characters). */
const BYTES_PER_TOKEN = 4;
/** A picture in the prompt counts as so many tokens: some hundreds to two thousand in the models that take them. */
export const TOKENS_PER_MEDIUM = 1024;
/** No model's context is longer: what is said to be counts as this. */
const MOST_TOKENS = 2 ** 20;

export const BLOCK_TOKENS = BLOCK_BYTES / BYTES_PER_TOKEN;

/**
 * Reads a request, once, as far as routing needs. The body is its own: what may not go on is cut out in place.
 * @param fields of the body, where they were read as it came
 * @param isStored whether its server may keep the answer
 * @throws InvalidRequest
 */
export function requestFacts(
  body: Buffer,
  origin: Origin,
  fields: BodyFields = scanBody(body),
  isStored = false,
): RequestFacts {
  const { model, maxTokens, session, prompt, tools, textBytes, media } = fields;
  const salt = hashText(model ?? "") ^ (tools.end === 0 ? 0 : hashBytes(body, tools.start, tools.end));
  const conversation = origin.session ?? session;
  const affinity = conversation ?? (origin.tenant === ANONYMOUS ? null : origin.tenant);
  const inputTokens = Math.ceil(textBytes / BYTES_PER_TOKEN) + media * TOKENS_PER_MEDIUM;
  const prefix = blockHashes(body, prompt.start, prompt.end, salt);
  // An engine would read it.
  if (origin.owner !== null && fields.hasLongResponse)
    throw new InvalidRequest("`previous_response_id` is too long.", "previous_response_id");
  // Where responses have owners, nobody chooses an id that may be another's.
  const removed = origin.owner !== null && isStored ? fields.removedOfStored : fields.removed;
  const sent = without({ bytes: body, fields: fields.fields }, removed);
  return {
    model,
    tenant: origin.tenant,
    priority: origin.priority,
    inputTokens: Math.min(MOST_TOKENS, inputTokens),
    maxTokens: maxTokens === null ? null : Math.min(MOST_TOKENS, maxTokens),
    prefix,
    affinityKey: affinity === null ? 0 : hashText(affinity),
    session: conversation,
    rank: origin.rank >= 0 ? origin.rank : fields.rank,
    responseId: fields.previousResponse,
    owner: origin.owner,
    routedExperts: fields.routedExperts,
    models: origin.models,
    body: sent.bytes,
    fields: sent.fields,
  };
}
