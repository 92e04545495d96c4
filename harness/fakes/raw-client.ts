import { once } from "node:events";
import { type Socket, connect } from "node:net";

/** A connection that sends whatever it is given, HTTP or not. */
export interface RawClient {
  readonly socket: Socket;
  /** All that has come so far, bytes as characters. */
  text(): string;
  /** Resolves once the connection is over, with all that came. */
  readonly closed: Promise<string>;
}

export async function rawClient(url: string): Promise<RawClient> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let text = "";
  socket.setEncoding("latin1");
  socket.on("data", (more: string) => {
    text += more;
  });
  // What it sends may be refused while it is still sending.
  socket.on("error", () => {});
  const over = Promise.withResolvers<string>();
  socket.once("close", () => over.resolve(text));
  await once(socket, "connect");
  return { socket, text: () => text, closed: over.promise };
}

/** A request as it goes over the wire. @param headers one line each, besides host and length */
export function wireRequest(path: string, body: string, headers: readonly string[] = []): string {
  const lines = [
    `POST ${path} HTTP/1.1`,
    "host: x",
    ...headers,
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}
