import type { RequestListener, Server, ServerOptions } from "node:http";
import { createServer } from "node:https";
import type { SecureContextOptions } from "node:tls";
import type { Config } from "../config/config.ts";
import type { ListenerTls } from "../config/read-tls.ts";

/** How often connections are checked for requests that take too long. */
const CHECK_CONNECTIONS_MS = 500;

/** What servers for clients have in common, encrypted or not. */
export function serverOptions(http: Config["http"]): ServerOptions {
  return {
    maxHeaderSize: http.maxHeaderBytes,
    headersTimeout: http.headersTimeoutMs,
    connectionsCheckingInterval: CHECK_CONNECTIONS_MS,
    // Node's own answer would have no body; a hook sends one.
    requireHostHeader: false,
  };
}

/** Servers that speak TLS, one for each address that a name stands for. */
export class TlsServers {
  readonly #http: Config["http"];
  readonly #servers: ReturnType<typeof createServer>[] = [];
  #tls: ListenerTls;

  constructor(http: Config["http"], tls: ListenerTls) {
    this.#http = http;
    this.#tls = tls;
  }

  create(handler: RequestListener): Server {
    const { headersTimeoutMs, keepAliveMs, bodyTimeoutMs } = this.#http;
    const asked = this.#tls.clientCa !== null;
    const server = createServer(
      {
        ...serverOptions(this.#http),
        ...contextOf(this.#tls),
        handshakeTimeout: headersTimeoutMs,
        requestCert: asked,
        rejectUnauthorized: asked,
      },
      handler,
    );
    server.keepAliveTimeout = keepAliveMs;
    server.requestTimeout = bodyTimeoutMs;
    this.#servers.push(server);
    // It has all of the other's methods and events; only their types know nothing of each other.
    return server;
  }

  /** Connections from now on get these certificates; those that are there go on. */
  show(tls: ListenerTls): void {
    // Whether certificates are asked for was decided at the start.
    if ((tls.clientCa === null) !== (this.#tls.clientCa === null)) return;
    this.#tls = tls;
    for (const server of this.#servers) server.setSecureContext(contextOf(tls));
  }
}

function contextOf({ cert, key, clientCa }: ListenerTls): SecureContextOptions {
  return { cert, key, minVersion: "TLSv1.2", ...(clientCa === null ? {} : { ca: clientCa }) };
}
