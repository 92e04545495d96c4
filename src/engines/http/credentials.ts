import type { ServerAccess } from "../../model/server-access.ts";
import type { HeaderList } from "../../serving/engine.ts";

/**
 * Headers that hold a client's key, token or session: OpenAI's, Anthropic's, Azure's, Google's and Amazon's, and those
 * that proxies add when they have seen one. Keys that only name a request or a place are no credentials.
 */
const CREDENTIAL =
  /authorization|cookie|password|secret|apikey|(?<!idempotency|cache|routing|partition)[-_]key$|(?:^|[-_])(?:auth|token|accesstoken|jwt|assertion|credentials?)$|^dpop$|^x-amzn-oidc-|^x-forwarded-(?:client-cert|user|email)$/;

/** A client's headers, for a server that is asked with the gateway's own credentials. */
export function withoutCredentials(client: HeaderList): HeaderList {
  const kept: string[] = [];
  for (let i = 0; i < client.length; i += 2) {
    if (!CREDENTIAL.test(client[i].toLowerCase())) kept.push(client[i], client[i + 1]);
  }
  return kept;
}

/** What every request and question to a server carries. @param apiKey its pool's; null for none */
export function accessHeaders(access: ServerAccess | null, apiKey: string | null): HeaderList {
  const { host = null, authorization = null } = access ?? {};
  const own = apiKey === null ? authorization : `Bearer ${apiKey}`;
  return [...(host === null ? [] : ["host", host]), ...(own === null ? [] : ["authorization", own])];
}
