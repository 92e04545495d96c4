import type { ServerResponse } from "node:http";

const LINE_END = "\r\n";

/**
 * Writes a chunk of a response in one piece: Node's own `write` makes four of it, which takes a streamed frame half as
 * much time again. `end` is Node's; `write` must not come between.
 * @param first whether the head is still to be written: both leave together
 * @returns false when the client should read first, as with `write`
 */
export function writeChunk(response: ServerResponse, chunk: Buffer, first: boolean): boolean {
  const { socket } = response;
  // Without a socket it waits behind another response; without chunks an HTTP/1.0 client reads to the end.
  if (socket === null || !response.chunkedEncoding) return response.write(chunk);
  const size = chunk.length.toString(16);
  const framed = Buffer.allocUnsafe(size.length + chunk.length + 2 * LINE_END.length);
  let at = framed.write(size + LINE_END, 0, "latin1");
  framed.set(chunk, at);
  at += chunk.length;
  framed.write(LINE_END, at, "latin1");
  if (!first) return socket.write(framed);
  socket.cork();
  response.flushHeaders();
  const flowing = socket.write(framed);
  socket.uncork();
  return flowing;
}
