import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { Server } from "node:net";
import { isLoopback } from "../config/loopback.ts";

/** In which a local worker hands the primary the address of a client, on the socket that only they share. */
export const PEER_HEADER = "x-plimsoll-peer";

/** What proxies add; where one has, the client is not the one who connected. */
const FORWARDING = new Set(["forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip"]);
const FORWARDING_PREFIXES = ["x-forwarded", "x-envoy-", "x-original-", "cf-"];

/** Reads who has connected. No header counts where clients connect by themselves. */
export class Peers {
  readonly #server: Server;

  /** @param server listens for clients, or on a socket in the file system for the local workers that relay to it */
  constructor(server: Server) {
    this.#server = server;
  }

  /** The address of the client's end of the connection; "" when the connection is gone. */
  addressOf({ socket, headers }: IncomingMessage): string {
    // Of the server, not of the connection: one that is reset has no address of its own any more.
    const relayed = typeof this.#server.address() === "string";
    return (relayed ? (headers[PEER_HEADER] as string | undefined) : socket.remoteAddress) ?? "";
  }

  /** Whether the client is a process of this machine, and not a proxy that speaks for another. */
  isLocal(request: IncomingMessage): boolean {
    return isLoopback(this.addressOf(request)) && forwardingHeader(request.headers) === null;
  }
}

/** The name of a header that says the request was forwarded, or null. */
export function forwardingHeader(headers: IncomingHttpHeaders): string | null {
  const names = Object.keys(headers);
  return (
    names.find((name) => FORWARDING.has(name) || FORWARDING_PREFIXES.some((p) => name.startsWith(p))) ?? null
  );
}
