import { hashText } from "../../routing/block-hashes.ts";
import { ANONYMOUS, type Origin, type RequestFacts } from "./request-facts.ts";

const NO_PREFIX = new Uint32Array(0);

/** What is known of a request whose body, if it has one, is not read. @param inputTokens what it is taken to weigh */
export function unreadFacts(
  { tenant, priority, session, rank, models, owner }: Origin,
  model: string | null,
  responseId: string | null,
  inputTokens: number,
  body: Buffer | null,
): RequestFacts {
  const affinity = session ?? (tenant === ANONYMOUS ? null : tenant);
  return {
    model,
    responseId,
    owner,
    tenant,
    priority,
    inputTokens,
    maxTokens: null,
    prefix: NO_PREFIX,
    affinityKey: affinity === null ? 0 : hashText(affinity),
    session,
    rank,
    routedExperts: false,
    models,
    body,
    fields: null,
  };
}
