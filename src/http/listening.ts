import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { InputError } from "../lib/errors.ts";
import { Acceptors } from "./acceptors.ts";
import type { HttpApp } from "./app.ts";

/** More do little more: of 512 connections at once to a bare server that was busy, the last waited 18, 8, 4.5 and 3 s with 0, 3, 15 and 63. */
const SOCKETS_BESIDE = 15;

/** Binds a socket in the file system. */
export async function listenLocally({ app }: HttpApp, path: string): Promise<string> {
  return await app.listen({ path });
}

/**
 * Binds a configured address.
 * @param section where it is configured
 * @returns the base URL, with the port that was taken
 * @throws InputError when the address cannot be had
 */
export async function listen(
  { app, servers, acceptors }: HttpApp,
  { host, port }: { readonly host: string; readonly port: number },
  section: "http" | "http.admin",
): Promise<string> {
  const shares = Acceptors.possible && section === "http";
  try {
    // A port that is shared from the start would be taken beside another gateway that shares it too.
    if (shares && port !== 0) await findFree(host, port);
    // Fastify's types leave out what it passes on.
    const binding = { host, port, reusePort: shares };
    await app.listen(binding);
    const { address, port: shared } = app.server.address() as AddressInfo;
    if (shares) await acceptors.listen(address, shared, SOCKETS_BESIDE);
  } catch (error) {
    throw addressFault(error as NodeJS.ErrnoException, host, port, section);
  }
  const taken = app.server.address() as AddressInfo;
  return `${servers === null ? "http" : "https"}://${taken.family === "IPv6" ? `[${taken.address}]` : taken.address}:${taken.port}`;
}

/** @throws the error of who listens there first */
async function findFree(host: string, port: number): Promise<void> {
  const server = createServer();
  server.listen({ host, port });
  await once(server, "listening");
  server.close();
  await once(server, "close");
}

function addressFault(error: NodeJS.ErrnoException, host: string, port: number, section: string): Error {
  const code = error.code ?? "";
  switch (code) {
    case "EADDRINUSE":
      return new InputError(
        "configuration",
        `${section}.port`,
        `is ${port}, which is in use; choose a free one, or 0 for any`,
      );
    case "EACCES":
      return new InputError(
        "configuration",
        `${section}.port`,
        `is ${port}, which this user may not have; choose one above 1023`,
      );
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return new InputError(
        "configuration",
        `${section}.host`,
        `is "${host}"; expected an address of this machine`,
      );
    default:
      return error;
  }
}

const CLOSE_IDLE_EVERY_MS = 50;

/** Accepts no more connections and waits for the others to finish, `graceMs` at most. */
export async function stopListening({ app, acceptors }: HttpApp, graceMs: number): Promise<void> {
  const grace = setTimeout(() => app.server.closeAllConnections(), graceMs);
  // A connection without a request is closed at once.
  const idle = setInterval(() => app.server.closeIdleConnections(), CLOSE_IDLE_EVERY_MS);
  await Promise.all([acceptors.close(), app.close()]);
  clearInterval(idle);
  clearTimeout(grace);
}
