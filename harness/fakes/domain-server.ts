import { once } from "node:events";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import type { MoeModel } from "../../src/model/moe-model.ts";
import { Rng } from "../../src/lib/rng.ts";

export interface DomainServer extends AsyncDisposable {
  readonly url: string;
  /** The domains of the requests it got, in their order. */
  readonly domains: number[];
}

const TOKENS = 24;
const FRAMES = 4;
const FRAME_MS = 5;

/** A prompt of a domain, whose first block is its own. */
export function domainPrompt(domain: number, rest: string): string {
  return `domain ${domain}: ${`text of the kind ${domain} `.repeat(14)}${rest}`;
}

/**
 * An SGLang server that streams some frames, and says which experts its tokens used where it is asked: each domain
 * selects among its own quarter of the model's experts in nine of ten tokens.
 */
export async function startDomainServer(model: MoeModel, seed: number): Promise<DomainServer> {
  const rng = new Rng(seed);
  const domains: number[] = [];
  const server = createServer((request, response) => void answer(request, response));
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const path = request.url ?? "";
    const body = await text(request);
    if (path === "/health") return void response.end();
    if (request.method === "GET") {
      response.writeHead(path === "/v1/models" ? 200 : 404);
      return void response.end('{"object":"list","data":[{"id":"small"}]}');
    }
    const domain = Number(/domain (\d+):/.exec(body)?.[1] ?? 0);
    domains.push(domain);
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (let frame = 0; frame < FRAMES; frame++) {
      response.write('data: {"choices":[{"index":0,"text":"word "}]}\n\n');
      await sleep(FRAME_MS);
    }
    if (body.includes('"return_routed_experts":true'))
      response.write(
        `data: {"choices":[],"sglext":{"routed_experts":"${routedOf(model, domain, rng)}"}}\n\n`,
      );
    response.end("data: [DONE]\n\n");
  };
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    domains,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** In SGLang's form: at every layer of the model. */
function routedOf({ layers, moeLayers, topk, experts }: MoeModel, domain: number, rng: Rng): string {
  const ids = new Int32Array(TOKENS * layers * topk);
  const own = experts / 4;
  for (let token = 0; token < TOKENS; token++) {
    for (const layer of moeLayers) {
      const among = rng.uniform() < 0.9 ? own : experts;
      const first = among === own ? (domain % 4) * own : 0;
      const chosen = new Set<number>();
      while (chosen.size < topk) chosen.add(first + rng.below(among));
      let k = 0;
      for (const expert of chosen) ids[(token * layers + layer) * topk + k++] = expert;
    }
  }
  return Buffer.from(ids.buffer).toString("base64");
}
