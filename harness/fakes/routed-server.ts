import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface RoutedServer extends AsyncDisposable {
  readonly url: string;
}

/**
 * In SGLang's form: two tokens at every layer of a model. Layers that route choose from the expert of their own number
 * on; what is there of the others is the zeros of the engine's buffer.
 */
export function routedAnswer({
  layers,
  moeLayers,
  topk,
}: {
  readonly layers: number;
  readonly moeLayers: readonly number[];
  readonly topk: number;
}): string {
  const token = new Int32Array(layers * topk);
  for (const layer of moeLayers) for (let k = 0; k < topk; k++) token[layer * topk + k] = layer + k;
  return Buffer.concat([token, token].map(({ buffer }) => new Uint8Array(buffer))).toString("base64");
}

/** An SGLang server that returns this for the experts of its tokens to requests that ask for them. */
export async function startRoutedServer(answer: string): Promise<RoutedServer> {
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    if (path === "/health") return void response.end();
    if (request.method === "GET") {
      response.writeHead(path === "/v1/models" ? 200 : 404);
      return void response.end('{"object":"list","data":[{"id":"small"}]}');
    }
    const asked: Buffer[] = [];
    request.on("data", (chunk: Buffer) => asked.push(chunk));
    request.on("end", () => {
      const returned = Buffer.concat(asked).includes("return_routed_experts") ? `"${answer}"` : null;
      const text = `{"choices":[{"text":"hi"}],"sglext":{"routed_experts":${returned}}}`;
      response.writeHead(200, { "content-type": "application/json", "content-length": text.length });
      response.end(text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
