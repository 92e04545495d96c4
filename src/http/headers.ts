import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

/** Headers that speak of one connection only (RFC 9110 §7.6.1), and those each side of a proxy sets for itself. */
const NOT_FORWARDED = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect",
  "host",
  "content-length",
  // Frames can be told apart only in plain text.
  "accept-encoding",
]);

/** A response's length is kept: its bytes are relayed as they are. */
const NOT_RETURNED = new Set([...NOT_FORWARDED].filter((name) => name !== "content-length"));

export function forwardedHeaders(headers: IncomingHttpHeaders, requestId: string): Record<string, string> {
  const forwarded: Record<string, string> = {};
  const named = connectionNamed(headers.connection);
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || NOT_FORWARDED.has(name) || named.includes(name)) continue;
    forwarded[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  forwarded["x-request-id"] = requestId;
  return forwarded;
}

export function returnedHeaders(
  headers: Readonly<Record<string, string | string[]>>,
): Record<string, string | string[]> {
  const returned: Record<string, string | string[]> = {};
  const connection = headers["connection"];
  const named = connectionNamed(Array.isArray(connection) ? connection.join(",") : connection);
  for (const [name, value] of Object.entries(headers)) {
    if (!NOT_RETURNED.has(name) && !named.includes(name)) returned[name] = value;
  }
  return returned;
}

/** A `Connection` header names further headers that end here. */
function connectionNamed(connection: string | undefined): readonly string[] {
  if (connection === undefined) return [];
  return connection.split(",").map((name) => name.trim().toLowerCase());
}

/** The client's own id when it is short and printable, else a new one. */
export function requestIdOf(headers: IncomingHttpHeaders): string {
  const own = headers["x-request-id"];
  return typeof own === "string" && /^[\x21-\x7e]{1,128}$/.test(own) ? own : randomUUID();
}
