import type { IncomingHttpHeaders } from "node:http";

/** What a client may show its key or token in, beside `authorization`: Anthropic's header, and Azure's. */
const KEY_HEADERS = ["x-api-key", "api-key"] as const;

/** Those headers, which end at a gateway that looks into them. */
export const CREDENTIAL_HEADERS: readonly string[] = ["authorization", ...KEY_HEADERS];

/** The key or token that a request shows; "" for none. */
export function credentialOf(headers: IncomingHttpHeaders): string {
  const { authorization } = headers;
  if (authorization !== undefined) return bearerOf(authorization);
  for (const name of KEY_HEADERS) {
    const value = headers[name];
    if (value !== undefined) return String(value);
  }
  return "";
}

/** What follows `Bearer `, in any case (RFC 9110 §11.1); "" for anything else. */
function bearerOf(authorization: string): string {
  const [scheme] = authorization.split(" ", 1);
  return scheme.toLowerCase() === "bearer" ? authorization.slice(scheme.length).trim() : "";
}
