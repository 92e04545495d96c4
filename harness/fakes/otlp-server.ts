import { type IncomingHttpHeaders, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";

/** A request that a collector received. */
export interface OtlpRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface OtlpServer {
  readonly url: string;
  readonly port: number;
  readonly requests: readonly OtlpRequest[];
  /** What it answers from now on: a status, or nothing at all. */
  answerWith(status: number | "nothing", body?: string | Uint8Array, headers?: Record<string, string>): void;
  close(): Promise<void>;
}

/**
 * Records what an exporter sends, as a collector would receive it.
 * @param port 0 for a free one
 * @param most the latest requests that are kept
 */
export async function startOtlpServer(port = 0, most = Number.POSITIVE_INFINITY): Promise<OtlpServer> {
  const requests: OtlpRequest[] = [];
  let answer: (response: ServerResponse) => void = (response) => response.writeHead(200).end();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { url: path = "", headers } = request;
      const bytes = Buffer.concat(chunks);
      const body = headers["content-encoding"] === "gzip" ? gunzipSync(bytes) : bytes;
      requests.push({ path, headers, body });
      if (requests.length > most) requests.shift();
      answer(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const { port: taken } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${taken}`,
    port: taken,
    requests,
    answerWith: (status, said = "", more = {}) => {
      answer =
        status === "nothing" ? () => {} : (response) => void response.writeHead(status, more).end(said);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
