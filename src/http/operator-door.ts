import { isIP } from "node:net";
import type { IncomingMessage } from "node:http";
import type { FastifyInstance } from "fastify";
import type { Access } from "../access/access.ts";
import { AccessDenied } from "../access/access-denied.ts";
import { credentialOf } from "../access/credential.ts";
import { type Identity, ranksOf, reportsFor } from "../access/identity.ts";
import { isLocalName } from "../config/loopback.ts";
import type { Clock } from "../lib/clock.ts";
import { TokenBucket } from "../serving/admission/token-bucket.ts";
import { HttpError } from "./errors.ts";
import { hostName, isOfOtherOrigin } from "./page-origin.ts";
import { type Peers, forwardingHeader } from "./peer.ts";

/** Probes have no key; they learn whether the gateway serves, and not where its parts are. */
const OPEN = new Set(["/health", "/ready"]);

/** What engines write: where they have keys of their own, one of these is wanted from this machine too. */
const WRITES = new Set(["/ep/v1/load", "/ep/v1/acks", "/ep/v1/ranks"]);

/** What a key of an engine opens; of routes with a pool, those of its own. */
const OF_ENGINES = new Set([
  ...WRITES,
  "/ep/v1/solve",
  "/ep/v1/placement/:pool",
  "/ep/v1/shares/:pool",
  "/ep/v1/forecast/:pool",
]);

/** So often a key may write for each of its ranks: ranks report once a second, and acknowledge every stage. */
const WRITES_PER_RANK = 50;
/** Of a key that is for all ranks: no pool has more. */
const MOST_RANKS = 1024;

export interface DoorTerms {
  readonly access: Access;
  readonly clock: Clock;
  /** Where the gateway listens, by which it may be named too. */
  readonly host: string;
  readonly peers: Peers;
}

/**
 * Answers the routes of an app to operators and engines alone: to those who show a key or token, or, where there is none,
 * to processes of this machine. Pages of other origins are refused either way.
 */
export class OperatorDoor {
  readonly #terms: DoorTerms;
  /** Of those who have shown who they are. */
  readonly #known = new WeakMap<IncomingMessage, Identity>();
  readonly #writes = new WeakMap<Identity, TokenBucket>();

  constructor(app: FastifyInstance, terms: DoorTerms) {
    this.#terms = terms;
    app.addHook("onRequest", async ({ raw, routeOptions, params }) => {
      const { url = "" } = routeOptions;
      if (OPEN.has(url)) return;
      const { pool = null } = params as { readonly pool?: string };
      const fault = await this.#faultOf(raw, url, pool);
      if (fault !== null) throw fault;
    });
  }

  /** Whether a request, also one for a route that is open to all, is an operator's. */
  async isOperator(request: IncomingMessage): Promise<boolean> {
    return (await this.#faultOf(request, "", null)) === null;
  }

  /** What the key or token is called that a request was let in by; null where none was wanted. */
  nameOf(request: IncomingMessage): string | null {
    return this.#known.get(request)?.id ?? null;
  }

  /** @param rank null for the whole pool @throws HttpError where an engine may not report for it */
  checkReport(request: IncomingMessage, pool: string, rank: number | null): void {
    const identity = this.#known.get(request);
    if (identity === undefined || identity.isOperator || reportsFor(identity, pool, rank)) return;
    const whose = rank === null ? "the whole pool" : `rank ${rank}`;
    throw new HttpError("not_permitted", `This key may not report for ${whose} of pool "${pool}".`);
  }

  async #faultOf(request: IncomingMessage, route: string, pool: string | null): Promise<HttpError | null> {
    if (isOfOtherOrigin(request.headers))
      return new HttpError("other_origin", "This route answers no web page of another origin.");
    if (!this.#wantsKey(request, route)) return this.#faultOfStranger(request);
    const identity = await this.#identityOf(request);
    if (identity instanceof HttpError) return identity;
    const isLetIn = identity.isOperator || (identity.isEngine && OF_ENGINES.has(route));
    if (!isLetIn) return new HttpError("not_permitted", "This key or token does not open this route.");
    if (!identity.isOperator && pool !== null && identity.pools?.has(pool) === false)
      return new HttpError("not_permitted", `This key is for other pools than "${pool}".`);
    if (!identity.isOperator && WRITES.has(route) && !this.#mayWrite(identity))
      return new HttpError("rate_limited", "This key writes more often than its ranks have to.");
    this.#known.set(request, identity);
    return null;
  }

  #mayWrite(identity: Identity): boolean {
    const now = this.#terms.clock.now();
    let writes = this.#writes.get(identity);
    if (writes === undefined) {
      const perSecond = WRITES_PER_RANK * Math.min(MOST_RANKS, ranksOf(identity));
      this.#writes.set(identity, (writes = new TokenBucket(perSecond, perSecond, now)));
    }
    if (writes.waitMs(1, now) > 0) return false;
    writes.take(1, now);
    return true;
  }

  #wantsKey({ headers }: IncomingMessage, route: string): boolean {
    const { access } = this.#terms;
    if (access.knowsOperators) return true;
    return access.knowsEngines && (WRITES.has(route) || credentialOf(headers) !== "");
  }

  async #identityOf({ headers }: IncomingMessage): Promise<Identity | HttpError> {
    try {
      return await this.#terms.access.identify(headers);
    } catch (error) {
      if (!(error instanceof AccessDenied)) throw error;
      const { reason, message } = error;
      if (reason === "keys_unreachable" || reason === "overloaded") return new HttpError(reason, message);
      return new HttpError("unauthorized", reason === "invalid_api_key" ? NO_KEY : message);
    }
  }

  /** Of who shows nothing, where there is no key. */
  #faultOfStranger(request: IncomingMessage): HttpError | null {
    const { headers } = request;
    const { host, peers } = this.#terms;
    if (!peers.isLocal(request)) return new HttpError("loopback_only", strangerMessage(request));
    // A page may have had its own name looked up as this machine's address (DNS rebinding); its browser says the name.
    if (headers.host === undefined || isOwnName(hostName(headers.host), host)) return null;
    return new HttpError(
      "other_origin",
      `${KEYLESS} under localhost or an address, not under another name. ${HINT}`,
    );
  }
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
