import { type ClientRequest, type RequestOptions, request as overHttp } from "node:http";
import { request as overHttps } from "node:https";

/** What came of asking a listener. */
export interface Health {
  readonly healthy: boolean;
  /** In words that follow its URL, e.g. `answers 200 to /health`. */
  readonly found: string;
}

/** Nobody is there, so that nothing is learned by asking in another way. */
const NOBODY = new Set([
  "ECONNREFUSED",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
]);
/** What a listener says, in TLS 1.3 and 1.2, to whoever shows no certificate. */
const ASKS_CERTIFICATES = /CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|BAD_CERTIFICATE/;
const GOOD = 200;

/**
 * Asks a gateway's listener for its health: in the clear and, where it does not speak so, over TLS, which a gateway
 * neither logs nor counts. Its certificate is for the name that clients use, so that nothing is made of it here, and
 * nothing secret is said. A listener that asks for certificates is there when it does so; more of it is not known.
 */
export async function askOwnHealth(url: URL, path: "/health" | "/ready", timeoutMs: number): Promise<Health> {
  const signal = AbortSignal.timeout(timeoutMs);
  const target = new URL(path, url);
  try {
    return answered(path, await statusOf(target, signal));
  } catch (error) {
    const code = codeOf(error);
    if (signal.aborted) return { healthy: false, found: `does not answer within ${timeoutMs} ms` };
    if (url.protocol === "http:" && !NOBODY.has(code)) {
      const encrypted = new URL(url);
      encrypted.protocol = "https:";
      return await askOwnHealth(encrypted, path, timeoutMs);
    }
    if (!ASKS_CERTIFICATES.test(code)) return { healthy: false, found: `does not answer (${code})` };
    const found = "asks for a certificate";
    return path === "/health"
      ? { healthy: true, found }
      : {
          healthy: false,
          found: `${found}: whether it can serve is not said without; name another listener`,
        };
  }
}

function answered(path: string, status: number): Health {
  return { healthy: status === GOOD, found: `answers ${status} to ${path}` };
}

function statusOf(url: URL, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const options: RequestOptions & { rejectUnauthorized: boolean } = {
      agent: false,
      signal,
      rejectUnauthorized: false,
    };
    const asked: ClientRequest = url.protocol === "http:" ? overHttp(url, options) : overHttps(url, options);
    asked.once("response", (response) => {
      response.destroy();
      resolve(response.statusCode ?? 0);
    });
    asked.once("error", reject);
    asked.end();
  });
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
