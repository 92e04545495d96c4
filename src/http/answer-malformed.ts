import { STATUS_CODES, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { HttpError, routeNotFound } from "./errors.ts";
import type { Refusals } from "./refusals.ts";

/** More than any client needs to read such a short answer. */
const LINGER_MS = 1000;
/** Where Node keeps the response that a connection is busy with. */
const IN_FLIGHT = "_httpMessage";

/** As Node's parser reports it. */
type ParserError = Error & {
  readonly code?: string;
  /** In words, e.g. `Invalid header token`. */
  readonly reason?: string;
};

/**
 * Answers what Node's parser could not read as a request, or what took too long to arrive, and closes the connection:
 * it is not known where the next request on it would begin.
 */
export function answerMalformed(error: ParserError, socket: Socket, refusals: Refusals): void {
  // A client that has gone, one that does not speak TLS as it has to, or one whose response has begun, cannot be sent an error.
  if (error.code === "ECONNRESET" || isOfTls(error) || !socket.writable || responseBegun(socket))
    socket.destroy();
  else answerAndClose(refusal(error), socket, refusals);
}

/** Nothing could be read as a request at all. */
function isOfTls({ code = "" }: ParserError): boolean {
  return code.startsWith("ERR_SSL_") || code.startsWith("ERR_TLS_");
}

/** As Node's own answer to such an error asks (lib/_http_server.js, socketOnError). */
function responseBegun(socket: Socket & { readonly [IN_FLIGHT]?: ServerResponse | null }): boolean {
  return socket[IN_FLIGHT]?.headersSent === true;
}

/** Refuses `CONNECT`. @param target as the client named it */
export function answerConnect(target: string, socket: Duplex, refusals: Refusals): void {
  socket.on("error", () => socket.destroy());
  answerAndClose(routeNotFound("CONNECT", target), socket, refusals);
}

function answerAndClose(error: HttpError, socket: Duplex, refusals: Refusals): void {
  const { status, body } = refusals.answer(error, { request_id: "" });
  const text = JSON.stringify(body);
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\ncontent-type: application/json; charset=utf-8\r\n` +
      `content-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}

function refusal({ code, reason }: ParserError): HttpError {
  if (code === "ERR_HTTP_REQUEST_TIMEOUT")
    return new HttpError("request_timeout", "The request took too long to arrive.");
  if (code === "HPE_HEADER_OVERFLOW")
    return new HttpError("headers_too_large", "The request's headers are larger than the limit.");
  const why = typeof reason === "string" && reason !== "" ? `: ${reason}` : "";
  return new HttpError("invalid_request", `The request is not valid HTTP/1.1${why}.`);
}
