import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { HeaderList } from "../serving/engine.ts";

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
  "x-request-id",
]);

/** A response's length is kept: its bytes are relayed as they are. */
const NOT_RETURNED = new Set([...NOT_FORWARDED].filter((name) => name !== "content-length"));

/** What the engine gets of a client's headers. @param raw names and values in turn, as they came */
export function forwardedHeaders(
  raw: HeaderList,
  connection: string | undefined,
  requestId: string,
): HeaderList {
  const forwarded = without(raw, NOT_FORWARDED, connection);
  forwarded.push("x-request-id", requestId);
  return forwarded;
}

/** What the client gets of an engine's headers. */
export function returnedHeaders(headers: HeaderList): string[] {
  return without(headers, NOT_RETURNED, headerOf(headers, "connection"));
}

/** The value of the first header of that name, in lower case. */
export function headerOf(headers: HeaderList, name: string): string | undefined {
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i].length === name.length && headers[i].toLowerCase() === name) return headers[i + 1];
  }
  return undefined;
}

/** @param connection the value of the `Connection` header: it names further headers that end here */
function without(headers: HeaderList, names: ReadonlySet<string>, connection: string | undefined): string[] {
  const named = connection === undefined ? NONE : connectionNamed(connection);
  const kept: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i].toLowerCase();
    if (!names.has(name) && !named.has(name)) kept.push(headers[i], headers[i + 1]);
  }
  return kept;
}

const NONE: ReadonlySet<string> = new Set();

function connectionNamed(connection: string): ReadonlySet<string> {
  if (connection === "keep-alive" || connection === "close") return NONE;
  return new Set(connection.split(",").map((name) => name.trim().toLowerCase()));
}

/** The client's own id when it is short and printable, else a new one. */
export function requestIdOf(headers: IncomingHttpHeaders): string {
  const own = headers["x-request-id"];
  return typeof own === "string" && /^[\x21-\x7e]{1,128}$/.test(own) ? own : randomUUID();
}
