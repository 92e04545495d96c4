import { type JWTVerifyGetKey, createRemoteJWKSet, customFetch } from "jose";
import { Agent, fetch } from "undici";
import type { JwtConfig } from "../config/access-config.ts";

const TIMEOUT_MS = 5000;
/** A token that no known key has signed has them fetched again, but no sooner than so long after the last time. */
const COOLDOWN_MS = 10_000;
/** They are fetched again at least so often. */
const MOST_AGE_MS = 600_000;
/** While they cannot be fetched, those of the last time are used for so long. */
const STALE_MS = 3_600_000;
/** An issuer has a few keys of some KiB. */
const MOST_BYTES = 1 << 20;

/** The public keys of a token's issuer: from the configured URL alone, whatever the token names. */
export function issuerKeys({ jwksUrl, ca }: Pick<JwtConfig, "jwksUrl" | "ca">): JWTVerifyGetKey {
  const fetched = new FetchedKeys(ca);
  return createRemoteJWKSet(new URL(jwksUrl), {
    timeoutDuration: TIMEOUT_MS,
    cooldownDuration: COOLDOWN_MS,
    cacheMaxAge: MOST_AGE_MS,
    [customFetch]: (url, { signal }) => fetched.get(url, signal),
  });
}

/** How many keys there are now. @throws Error where they cannot be had */
export async function countIssuerKeys({ jwksUrl, ca }: Pick<JwtConfig, "jwksUrl" | "ca">): Promise<number> {
  const answer = await new FetchedKeys(ca).get(jwksUrl, AbortSignal.timeout(TIMEOUT_MS));
  const { keys } = (await answer.json()) as { readonly keys?: unknown };
  if (Array.isArray(keys)) return keys.length;
  throw new Error("answered something else than a set of keys");
}

/** Fetches them, at most once in a while also where that fails. */
class FetchedKeys {
  readonly #agent: Agent;
  #last: { readonly keys: unknown; readonly atMs: number } | null = null;
  #failed: { readonly error: unknown; readonly atMs: number } | null = null;

  constructor(ca: string | null) {
    this.#agent = new Agent({ connect: ca === null ? {} : { ca }, keepAliveTimeout: 1000 });
  }

  async get(url: string, signal: AbortSignal): Promise<Response> {
    const now = Date.now();
    const failing = this.#failed !== null && now - this.#failed.atMs < COOLDOWN_MS;
    try {
      if (failing) throw this.#failed?.error;
      this.#last = { keys: JSON.parse(await this.#fetched(url, signal)), atMs: now };
      this.#failed = null;
    } catch (error) {
      if (!failing) this.#failed = { error, atMs: now };
      if (this.#last === null || now - this.#last.atMs > STALE_MS) throw error;
    }
    return Response.json(this.#last.keys);
  }

  async #fetched(url: string, signal: AbortSignal): Promise<string> {
    const answer = await fetch(url, { signal, redirect: "error", dispatcher: this.#agent });
    if (answer.status !== 200 || answer.body === null) throw new Error(`answered ${answer.status}`);
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
      bytes += chunk.length;
      if (bytes > MOST_BYTES) throw new Error(`answered more than ${MOST_BYTES} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString();
  }
}
