import { once } from "node:events";
import { type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type JWK, type JWTPayload, SignJWT, exportJWK, generateKeyPair } from "jose";

interface SigningKey {
  readonly key: CryptoKey;
  readonly kid: string;
  readonly jwk: JWK;
}

/** Who signs tokens, with its keys at a URL of this machine. */
export interface Issuer extends AsyncDisposable {
  readonly url: string;
  readonly jwksUrl: string;
  /** How often its keys were asked for. */
  readonly asked: number;
  /** Signs with another key from now on. @param keeps whether the ones before are still published */
  rotate(keeps: boolean): Promise<void>;
  /** What it answers in place of its keys; null for its keys again. */
  fail(status: number | null, body?: string, headers?: Record<string, string>): void;
  /** A token, of ten minutes where it is not said otherwise. */
  token(claims: JWTPayload, terms?: { readonly expires?: number | string | null }): Promise<string>;
}

/** A real issuer of ES256 tokens. */
export async function startIssuer(): Promise<Issuer> {
  let keys: SigningKey[] = [await signingKey("k1")];
  let failure: ((response: ServerResponse) => void) | null = null;
  let asked = 0;
  const server = createServer((_, response) => {
    asked++;
    if (failure !== null) return failure(response);
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ keys: keys.map(({ jwk }) => jwk) }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    jwksUrl: `${url}/keys`,
    get asked() {
      return asked;
    },
    async rotate(keeps) {
      const next = await signingKey(`k${keys.length + 1}-${asked}`);
      keys = [...(keeps ? keys : []), next];
    },
    fail(status, body = "", headers = {}) {
      failure = status === null ? null : (response) => void response.writeHead(status, headers).end(body);
    },
    async token(claims, { expires = "10m" } = {}) {
      const { key, kid } = keys[keys.length - 1];
      const jwt = new SignJWT({ iss: url, aud: "plimsoll", ...claims }).setProtectedHeader({
        alg: "ES256",
        kid,
      });
      if (expires !== null) jwt.setExpirationTime(expires);
      return await jwt.sign(key);
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

async function signingKey(kid: string): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair("ES256");
  return { key: privateKey, kid, jwk: { ...(await exportJWK(publicKey)), kid, alg: "ES256", use: "sig" } };
}
