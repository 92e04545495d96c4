import { buildConnector } from "undici";
import type { TlsSettings } from "../../model/server-access.ts";

/** Reads what comes into one buffer, and hands it over there: see `net.connect` in Node's documentation. */
export interface OnRead {
  readonly buffer: Uint8Array;
  /** @returns false to read no more */
  readonly callback: (length: number, buffer: Uint8Array) => boolean;
}

/** Makes what connects to one server for one connection: without TLS, what arrives is handed to `onread`. */
export type ConnectorMaker = (onread: OnRead) => buildConnector.connector;

/** @param tls by what the server's certificate is trusted; null for what the system trusts */
export function connectorsTo(origin: URL, timeoutMs: number, tls: TlsSettings | null): ConnectorMaker {
  if (origin.protocol === "http:") return (onread) => buildConnector({ timeout: timeoutMs, onread });
  const connector = connectorFor(timeoutMs, tls);
  return () => connector;
}

/** Connects to a server. @param tls by what its certificate is trusted; null for what the system trusts */
export function connectorFor(timeoutMs: number, tls: TlsSettings | null): buildConnector.connector {
  if (tls === null) return buildConnector({ timeout: timeoutMs });
  const { ca, cert, key, serverName, verify } = tls;
  const connect = buildConnector({
    timeout: timeoutMs,
    rejectUnauthorized: verify,
    ...(ca === null ? {} : { ca }),
    ...(cert === null || key === null ? {} : { cert, key }),
  });
  if (serverName === null) return connect;
  return (to, done) => connect({ ...to, servername: serverName }, done);
}
