import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** DeepSeek-V3: 61 layers, top-8; of the tokens here every choice is the same 8 experts. */
const TOKEN_IDS = 61 * 8;
const TOKENS = 200;
const ids = Int32Array.from({ length: TOKENS * TOKEN_IDS }, (_, i) => i % 8);

/** In SGLang's form. */
export const ROUTED_EXPERTS = Buffer.from(ids.buffer).toString("base64");

export interface RoutedServer extends AsyncDisposable {
  readonly url: string;
}

/** An SGLang server that returns the experts of its tokens to requests that ask for them. */
export async function startRoutedServer(): Promise<RoutedServer> {
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
      const returned = Buffer.concat(asked).includes("return_routed_experts") ? `"${ROUTED_EXPERTS}"` : null;
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
