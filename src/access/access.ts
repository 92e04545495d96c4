import { hash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { isDeepStrictEqual } from "node:util";
import { type JwtConfig, asksClients, knowsOperators } from "../config/access-config.ts";
import type { Config } from "../config/config.ts";
import type { Clock } from "../lib/clock.ts";
import { AccessDenied } from "./access-denied.ts";
import { credentialOf } from "./credential.ts";
import { type Identity, identityOf } from "./identity.ts";
import { KnownTokens } from "./known-tokens.ts";
import { TokenVerifier } from "./token-verifier.ts";

interface HeldKey {
  /** The key's SHA-256, in hex. */
  readonly digest: Buffer;
  readonly identity: Identity;
}

/** What the holder of `http.operatorKeyEnv` is called. */
export const OPERATOR = "operator";

/** A token has three parts, of which the first begins as JSON does. */
const TOKEN = /^eyJ[\w-]*\.[\w-]+\.[\w-]+$/;
/** No token that fits beside other headers is longer. */
const LONGEST_TOKEN = 8192;

/**
 * Who asks. A request costs one SHA-256 of what it shows: by it a key is found, and a token that was verified before.
 * Only hashes are kept; whatever is wrong with a key is found after the same work.
 */
export class Access {
  readonly #wallClock: Clock;
  #keys: ReadonlyMap<string, HeldKey> = new Map();
  #verifier: TokenVerifier | null = null;
  #tokens: KnownTokens;
  #jwt: JwtConfig | null = null;
  #asksClients = false;
  #knowsOperators = false;
  #knowsEngines = false;

  /** @param wallClock milliseconds since 1970 */
  constructor(config: Pick<Config, "access" | "operatorKeyHash">, wallClock: Clock) {
    this.#wallClock = wallClock;
    this.#tokens = new KnownTokens(wallClock);
    this.update(config);
  }

  /** Whether clients have to show who they are. */
  get asksClients(): boolean {
    return this.#asksClients;
  }

  /** Whether there is any key or token of an operator. */
  get knowsOperators(): boolean {
    return this.#knowsOperators;
  }

  /** Whether engines have keys of their own. */
  get knowsEngines(): boolean {
    return this.#knowsEngines;
  }

  /** Other keys from now on; where other tokens are believed, those that were known are verified again. */
  update({ access, operatorKeyHash }: Pick<Config, "access" | "operatorKeyHash">): void {
    const operator = operatorKeyHash === null ? [] : [operatorKey(operatorKeyHash)];
    const held = [...operator, ...access.keys].map((key): [string, HeldKey] => [
      key.hash,
      { digest: Buffer.from(key.hash), identity: identityOf(key) },
    ]);
    this.#keys = new Map(held);
    this.#asksClients = asksClients(access);
    this.#knowsOperators = operatorKeyHash !== null || knowsOperators(access);
    this.#knowsEngines = access.keys.some(({ role }) => role === "engine");
    if (isDeepStrictEqual(access.jwt, this.#jwt)) return;
    this.#jwt = access.jwt;
    this.#verifier = access.jwt === null ? null : new TokenVerifier(access.jwt);
    this.#tokens = new KnownTokens(this.#wallClock);
  }

  /**
   * Who sends a request; at once, but for a token that is seen for the first time.
   * @throws AccessDenied, or rejects with one
   */
  identify(headers: IncomingHttpHeaders): Identity | Promise<Identity> {
    const shown = credentialOf(headers);
    if (shown === "") throw new AccessDenied("invalid_api_key", NOTHING_SHOWN);
    const digest = hash("sha256", shown, "hex");
    const key = this.#keys.get(digest);
    if (key !== undefined && timingSafeEqual(key.digest, Buffer.from(digest))) {
      if (key.identity.expiresMs > this.#wallClock.now()) return key.identity;
      throw new AccessDenied("key_expired", "This API key has expired.");
    }
    const verifier = this.#verifier;
    if (verifier === null || shown.length > LONGEST_TOKEN || !TOKEN.test(shown))
      throw new AccessDenied("invalid_api_key", "Incorrect API key provided.");
    return this.#tokens.of(digest, () => verifier.verify(shown));
  }
}

const NOTHING_SHOWN =
  "You didn't provide an API key. Send it as `Authorization: Bearer KEY` (or as `x-api-key`).";

function operatorKey(keyHash: string) {
  const nobody = { tenant: OPERATOR, models: null, expiresMs: null, pools: null, ranks: null } as const;
  return { id: OPERATOR, hash: keyHash, role: "operator", ...nobody } as const;
}
