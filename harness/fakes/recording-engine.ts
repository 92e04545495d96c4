import { once } from "node:events";
import { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

interface Recorded {
  readonly method: string;
  /** As it came. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface RecordingEngine extends AsyncDisposable {
  readonly url: string;
  /** What came, but for the gateway's own questions. */
  readonly recorded: readonly Recorded[];
  /** Forgets what came. */
  clear(): void;
}

/** An OpenAI-compatible server in this process that keeps what it is asked. @param ids the models it lists */
export async function recordingEngine(
  answer: (request: Recorded, response: ServerResponse) => void,
  ids: readonly string[] = ["small"],
): Promise<RecordingEngine> {
  const recorded: Recorded[] = [];
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = "", url = "", headers } = request;
    if (method === "GET" && !url.startsWith("/v1/responses")) {
      response.end(JSON.stringify({ object: "list", data: ids.map((id) => ({ id, object: "model" })) }));
      return;
    }
    const seen = { method, url, headers, body: await buffer(request) };
    recorded.push(seen);
    answer(seen, response);
  };
  const server = createServer((request, response) => void serve(request, response).catch(() => {}));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    recorded,
    clear: () => void recorded.splice(0),
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}
