import { buildConnector } from "undici";
import type { TlsSettings } from "../../model/server-access.ts";

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
