import type { IncomingMessage } from "node:http";
import { HttpError } from "./errors.ts";

/** What a `Host` may be made of (RFC 3986 §3.2.2 and §3.2.3). */
const HOST = /^[\w.~!$&'()*+,;=%:[\]-]*$/;

/**
 * What is wrong with a request that Node's parser lets pass, and somebody else on its way may read differently: another
 * version, another coding of its body, several hosts (RFC 9112 §3.2 and §6.1). Null for nothing.
 */
export function framingFault({ httpVersion, headers, rawHeaders }: IncomingMessage): HttpError | null {
  if (httpVersion !== "1.1" && httpVersion !== "1.0")
    return invalid(`The request is of HTTP/${httpVersion}; this port takes HTTP/1.1 and 1.0.`);
  const { host } = headers;
  if (host === undefined) {
    if (httpVersion === "1.1") return invalid("The request has no Host header, which HTTP/1.1 wants.");
  } else if (!HOST.test(host) || hasSeveralHosts(rawHeaders))
    return invalid("The request's Host header is no name of a host, or there are several.");
  const coding = headers["transfer-encoding"];
  if (coding === undefined || (httpVersion === "1.1" && coding.toLowerCase() === "chunked")) return null;
  return invalid("The only Transfer-Encoding that a request may have is `chunked`, with HTTP/1.1.");
}

function hasSeveralHosts(rawHeaders: readonly string[]): boolean {
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2)
    if (rawHeaders[i].length === 4 && rawHeaders[i].toLowerCase() === "host") hosts++;
  return hosts > 1;
}

function invalid(message: string): HttpError {
  return new HttpError("invalid_request", message);
}
