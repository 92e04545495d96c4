import { isIP } from "node:net";
import type { IncomingMessage } from "node:http";
import type { FastifyInstance } from "fastify";
import { isLocalName } from "../config/loopback.ts";
import { isKey } from "../config/operator-key.ts";
import { HttpError } from "./errors.ts";
import { hostName, isOfOtherOrigin } from "./page-origin.ts";
import { type Peers, forwardingHeader } from "./peer.ts";

/** Probes have no key; they learn whether the gateway serves, and not where its parts are. */
const OPEN = new Set(["/health", "/ready"]);

export interface DoorTerms {
  /** Of the key that is wanted as a bearer token; null where there is none. */
  readonly keyHash: string | null;
  /** Where the gateway listens, by which it may be named too. */
  readonly host: string;
  readonly peers: Peers;
}

/**
 * Answers the routes of `app` to operators and engines alone: to those who send the key, or, where there is none, to
 * processes of this machine. Pages of other origins are refused either way.
 * @returns whether a request, also one for a route that is open to all, is theirs
 */
export function operatorDoor(app: FastifyInstance, terms: DoorTerms): (request: IncomingMessage) => boolean {
  app.addHook("onRequest", async ({ raw, routeOptions }, reply) => {
    if (OPEN.has(routeOptions.url ?? "")) return;
    const fault = faultOf(raw, terms);
    if (fault === null) return;
    if (fault.reason === "unauthorized") reply.header("www-authenticate", "Bearer");
    throw fault;
  });
  return (request) => faultOf(request, terms) === null;
}

function faultOf(request: IncomingMessage, { keyHash, host, peers }: DoorTerms): HttpError | null {
  const { headers } = request;
  if (isOfOtherOrigin(headers))
    return new HttpError("other_origin", "This route answers no web page of another origin.");
  if (keyHash !== null)
    return isKey(bearerOf(headers.authorization), keyHash) ? null : new HttpError("unauthorized", NO_KEY);
  if (!peers.isLocal(request)) return new HttpError("loopback_only", strangerMessage(request));
  // A page may have had its own name looked up as this machine's address (DNS rebinding); its browser says the name.
  if (headers.host === undefined || isOwnName(hostName(headers.host), host)) return null;
  return new HttpError(
    "other_origin",
    `${KEYLESS} under localhost or an address, not under another name. ${HINT}`,
  );
}

const NO_KEY = "This route wants the key of operators as a bearer token.";
const KEYLESS = "Without a key this route answers on loopback only,";
const HINT = "To open it, name the variable of a key in `http.operatorKeyEnv`.";

function strangerMessage({ headers }: IncomingMessage): string {
  const by = forwardingHeader(headers);
  return by === null
    ? `${KEYLESS.slice(0, -1)}. ${HINT}`
    : `${KEYLESS} and not what was forwarded (\`${by}\`). ${HINT}`;
}

/** A name without a dot is looked up in this machine's network alone: nobody outside can own it. */
function isOwnName(name: string, listensOn: string): boolean {
  if (isIP(name) !== 0 || isLocalName(name) || !name.includes(".")) return true;
  return name.toLowerCase() === listensOn.toLowerCase();
}

/** What follows `Bearer `, in any case (RFC 9110 §11.1); "" for anything else. */
function bearerOf(authorization = ""): string {
  const [scheme] = authorization.split(" ", 1);
  return scheme.toLowerCase() === "bearer" ? authorization.slice(scheme.length).trim() : "";
}
