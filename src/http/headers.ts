import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { CREDENTIAL_HEADERS } from "../access/credential.ts";
import { HOP_BY_HOP, RANK_HEADER } from "../model/request-headers.ts";
import type { HeaderList } from "../serving/engine.ts";

/**
 * What the gateway sets itself: the request's id, the rank that is to have it, and where the other shard of its pair is
 * (the last as SGLang reads it with SGLANG_ENABLE_REQUEST_HEADER_OVERRIDES).
 */
const NOT_FORWARDED = new Set([
  ...HOP_BY_HOP,
  "x-request-id",
  RANK_HEADER,
  "x-override-routed-dp-rank",
  "x-override-disagg-prefill-dp-rank",
  "x-override-bootstrap-host",
  "x-override-bootstrap-port",
  "x-override-bootstrap-room",
]);

/** Of a gateway that looks into keys itself: they are none of the engines' business. */
const NOT_FORWARDED_NOR_KEYS = new Set([...NOT_FORWARDED, ...CREDENTIAL_HEADERS]);

/** Headers of the gateway's own: neither a client nor an engine speaks for it. */
const OWN_PREFIX = "x-plimsoll-";

/** A response's length is kept: its bytes are relayed as they are. What the gateway sets itself, no engine sets. */
const NOT_RETURNED = new Set([
  ...[...HOP_BY_HOP].filter((name) => name !== "content-length"),
  "x-request-id",
]);

const CORS_PREFIX = "access-control-";
const RATES_PREFIX = "x-ratelimit-";

/**
 * What the engine gets of a client's headers.
 * @param raw names and values in turn, as they were received
 * @param endsKeys whether the client's key ends here
 */
export function forwardedHeaders(
  raw: HeaderList,
  connection: string | undefined,
  requestId: string,
  endsKeys: boolean,
): HeaderList {
  const forwarded = without(raw, endsKeys ? NOT_FORWARDED_NOR_KEYS : NOT_FORWARDED, connection);
  forwarded.push("x-request-id", requestId);
  return forwarded;
}

/**
 * What the client gets of an engine's headers.
 * @param ownCors whether the gateway says which pages may read it
 * @param ownRates whether the gateway says how far rates are used up
 */
export function returnedHeaders(headers: HeaderList, ownCors: boolean, ownRates: boolean): string[] {
  let returned = without(headers, NOT_RETURNED, connectionOf(headers));
  if (ownCors) returned = withoutPrefix(returned, CORS_PREFIX);
  return ownRates ? withoutPrefix(returned, RATES_PREFIX) : returned;
}

/** What all `Connection` headers say together. */
function connectionOf(headers: HeaderList): string | undefined {
  let said: string | undefined;
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i].length !== "connection".length || headers[i].toLowerCase() !== "connection") continue;
    said = said === undefined ? headers[i + 1] : `${said},${headers[i + 1]}`;
  }
  return said;
}

function withoutPrefix(headers: HeaderList, prefix: string): string[] {
  return headers.filter((_, i) => !headers[i - (i % 2)].toLowerCase().startsWith(prefix));
}

/** @param connection the value of the `Connection` header: it names further headers that end here */
function without(headers: HeaderList, names: ReadonlySet<string>, connection: string | undefined): string[] {
  const named = connection === undefined ? NONE : connectionNamed(connection);
  const kept: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i].toLowerCase();
    if (!names.has(name) && !named.has(name) && !name.startsWith(OWN_PREFIX))
      kept.push(headers[i], headers[i + 1]);
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
