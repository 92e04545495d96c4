import { once } from "node:events";
import { createServer, get } from "node:http";
import type { AddressInfo } from "node:net";
import { EventStream } from "../../../src/http/event-stream.ts";

/** An event stream with one reader, over HTTP on loopback. */
export interface ReadStream {
  readonly stream: EventStream;
  close(): Promise<void>;
}

export async function readStream(): Promise<ReadStream> {
  const stream = new EventStream();
  const server = createServer((_request, response) => stream.join(response, "history", "{}"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const reader = get({ host: "127.0.0.1", port }, (response) => response.resume());
  await once(reader, "response");
  return {
    stream,
    close: async () => {
      stream.close();
      server.close();
      await once(server, "close");
    },
  };
}
